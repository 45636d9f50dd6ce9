// The tables of a log in Postgres, what keeps them append-only, and the functions that append.

export const sql = `
create table spindexer_log.partitions (
  partition int primary key check (partition >= -1)
);
comment on table spindexer_log.partitions is
  'The partitions of the log, -1 for the definitions. Fixed when the log is made: growing is a copy.';

create table spindexer_log.records (
  partition int not null,
  "offset" bigint not null check ("offset" >= 0),
  append_ms bigint not null,
  key bytea,
  value bytea,
  headers bytea,
  dataset text collate "C",
  row_key text[] collate "C",
  columns text[] collate "C",
  operation text collate "C",
  primary key (partition, "offset")
);
comment on table spindexer_log.records is
  'The log. Append by spindexer_log.append alone: it makes the order of positions the order of visibility.';
comment on column spindexer_log.records.append_ms is
  'The time of spindexer_log.now_ms() while the partition was held. As the clock read: one that was once set to a wrong year must not stay there.';
comment on column spindexer_log.records.headers is
  'Of each the length of its name, the name, the length of its value, the value; lengths of 4 bytes, big-endian. Null: none.';
comment on column spindexer_log.records.dataset is
  'This and the next three are read from the value by who appends, for looking up alone; null where it is no mutation.';
create index records_by_row on spindexer_log.records (dataset, row_key, partition, "offset")
  where dataset is not null;

create table spindexer_log.sealed (
  only_row boolean primary key default true check (only_row),
  sealed_at timestamptz not null default clock_timestamp()
);
comment on table spindexer_log.sealed is 'A row: the log is closed, and takes no records any more.';

-- Only who reads now: what a crash of the server forgets is there again with the next heartbeat.
create unlogged table spindexer_log.members (
  group_name text collate "C",
  id uuid,
  member text not null,
  seen timestamptz not null default clock_timestamp(),
  primary key (group_name, id)
) with (fillfactor = 50);

create table spindexer_log.bookmarks (
  name text collate "C",
  partition int,
  next_offset bigint not null,
  saved_at timestamptz not null default clock_timestamp(),
  primary key (name, partition)
);

create function spindexer_log.now_ms() returns bigint
language sql volatile set search_path = pg_catalog, pg_temp
return floor(extract(epoch from clock_timestamp()) * 1000)::bigint;
comment on function spindexer_log.now_ms() is 'The clock of the log: milliseconds since 1970.';

create function spindexer_log.refuse_change() returns trigger
language plpgsql set search_path = pg_catalog, pg_temp as $$
begin
  raise exception using errcode = 'SX004',
    message = format('%s of spindexer_log.%s is refused: a log is append-only', lower(tg_op), tg_table_name),
    hint = 'to be rid of a whole log: drop schema spindexer_log cascade';
end
$$;

create function spindexer_log.check_partitions() returns trigger
language plpgsql set search_path = pg_catalog, pg_temp as $$
begin
  if exists (select from spindexer_log.partitions) then
    raise exception using errcode = 'SX004',
      message = 'the log has its partitions: their number is fixed when it is made',
      hint = 'copy the log with \`spindexer log copy\` to one of more partitions';
  end if;
  return null;
end
$$;

create function spindexer_log.check_records() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
  added record;
begin
  if current_setting('transaction_isolation') <> 'read committed' then
    raise exception using errcode = 'SX002',
      message = format('the log takes no records in a transaction of isolation level %s', current_setting('transaction_isolation')),
      hint = 'begin it with: begin isolation level read committed';
  end if;
  if exists (select from spindexer_log.sealed) then
    raise exception using errcode = 'SX001', message = 'the log was closed: it was copied',
      hint = 'point SPINDEXER_LOG at the copy';
  end if;
  for added in
    select f.partition, min(f."offset") as first, max(f."offset") as last, count(*) as count
    from fresh as f group by f.partition
  loop
    if not exists (select from spindexer_log.partitions as p where p.partition = added.partition) then
      raise exception using errcode = 'SX006', message = format('the log has no partition %s', added.partition);
    end if;
    -- Of pid and object, so that nobody else's lock counts. 33 us a statement, where it was measured.
    if not exists (
      select from pg_locks as l
      where l.pid = pg_backend_pid() and l.locktype = 'advisory' and l.granted and l.objsubid = 2
        and l.classid = 1936747623 and l.objid = (added.partition::bigint & 4294967295)::oid
    ) then
      raise exception using errcode = 'SX005',
        message = format('partition %s of the log is not held by this transaction', added.partition),
        hint = 'append with spindexer_log.append';
    end if;
    if added.last - added.first + 1 <> added.count
      or added.first > 0 and not exists (
        select from spindexer_log.records as r where r.partition = added.partition and r."offset" = added.first - 1
      )
      or exists (
        select from spindexer_log.records as r where r.partition = added.partition and r."offset" > added.last
      )
    then
      raise exception using errcode = 'SX005',
        message = format('offsets %s to %s are not the next ones of partition %s of the log', added.first, added.last, added.partition),
        hint = 'append with spindexer_log.append';
    end if;
  end loop;
  return null;
end
$$;

create trigger append_only before update or delete or truncate on spindexer_log.records
  for each statement execute function spindexer_log.refuse_change();
create trigger append_only before update or delete or truncate on spindexer_log.partitions
  for each statement execute function spindexer_log.refuse_change();
create trigger append_only before update or delete or truncate on spindexer_log.sealed
  for each statement execute function spindexer_log.refuse_change();
create trigger fixed before insert on spindexer_log.partitions
  for each statement execute function spindexer_log.check_partitions();
create trigger dense after insert on spindexer_log.records
  referencing new table as fresh for each statement execute function spindexer_log.check_records();
alter table spindexer_log.records enable always trigger append_only;
alter table spindexer_log.partitions enable always trigger append_only;
alter table spindexer_log.sealed enable always trigger append_only;
alter table spindexer_log.partitions enable always trigger fixed;
alter table spindexer_log.records enable always trigger dense;

create function spindexer_log.append(
  p_log oid, p_partitions int[], p_keys bytea[], p_values bytea[], p_headers bytea[],
  p_datasets text[], p_row_keys text[], p_columns text[], p_operations text[], p_only_first boolean default false
) returns table (of_partition int, first_offset bigint, appended_ms bigint)
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
set jit = off
-- For the records as the trigger looks at them: they would go through a file above 4 MB.
set work_mem = '64MB'
as $$
declare
  v_touched int[];
  v_bases bigint[];
  v_offsets bigint[];
  v_partition int;
  v_now bigint;
  v_sealed timestamptz;
begin
  if current_setting('transaction_isolation') <> 'read committed' then
    raise exception using errcode = 'SX002',
      message = format('the log takes no records in a transaction of isolation level %s', current_setting('transaction_isolation')),
      hint = 'begin it with: begin isolation level read committed';
  end if;
  if p_log <> 'spindexer_log.records'::regclass::oid then
    raise exception using errcode = 'SX003',
      message = 'the log was deleted and made anew while it was written to',
      hint = 'run \`spindexer log check\`, then publish again what was to be in it';
  end if;
  -- A reader must never have seen what a crash then forgets.
  if current_setting('synchronous_commit') not in ('on', 'remote_apply') then
    perform set_config('synchronous_commit', 'on', true);
  end if;
  select array_agg(distinct u.p order by u.p) into v_touched from unnest(p_partitions) as u (p);
  if v_touched is null then
    return;
  end if;
  foreach v_partition in array v_touched loop
    perform pg_advisory_xact_lock(1936747623, v_partition);
  end loop;

  -- From here on each statement has a snapshot that was taken while the partitions were held.
  select s.sealed_at into v_sealed from spindexer_log.sealed as s;
  if v_sealed is not null then
    raise exception using errcode = 'SX001',
      message = format('the log was closed on %s UTC: it was copied', to_char(v_sealed at time zone 'UTC', 'YYYY-MM-DD HH24:MI')),
      hint = 'point SPINDEXER_LOG at the copy';
  end if;
  select t.p into v_partition from unnest(v_touched) as t (p)
  where not exists (select from spindexer_log.partitions as p where p.partition = t.p) limit 1;
  if found then
    raise exception using errcode = 'SX006', message = format('the log has no partition %s', v_partition);
  end if;
  select array_agg(coalesce((
    select r."offset" + 1 from spindexer_log.records as r
    where r.partition = t.p order by r."offset" desc limit 1
  ), 0) order by t.n)
  into v_bases from unnest(v_touched) with ordinality as t (p, n);
  v_now := spindexer_log.now_ms();

  select array_agg(o.place order by o.n) into v_offsets from (
    select u.n, b.base + row_number() over (partition by u.p order by u.n) - 1 as place
    from unnest(p_partitions) with ordinality as u (p, n)
    join unnest(v_touched, v_bases) as b (p, base) on b.p = u.p
  ) as o;
  insert into spindexer_log.records
    (partition, "offset", append_ms, key, value, headers, dataset, row_key, columns, operation)
  select i.p, i.o, v_now, i.k, i.v, i.h, i.d, i.rk::text[], i.c::text[], i.op
  from unnest(
    p_partitions, v_offsets, p_keys, p_values, p_headers, p_datasets, p_row_keys, p_columns, p_operations
  ) as i (p, o, k, v, h, d, rk, c, op)
  where not p_only_first or i.o = 0;
  perform pg_notify('spindexer_log', '');

  return query
  select b.p,
    case when p_only_first and b.base > 0 then (
      select min(r."offset") from spindexer_log.records as r where r.partition = b.p
    ) else b.base end,
    case when p_only_first and b.base > 0 then -1 else v_now end
  from unnest(v_touched, v_bases) as b (p, base);
end
$$;

comment on function spindexer_log.append(oid, int[], bytea[], bytea[], bytea[], text[], text[], text[], text[], boolean) is
'Appends records, one an element of each array, in this order; answers for each partition with the offset of its first one, the others follow without a gap, and their time.
p_log: null, or the oid of spindexer_log.records that the caller knows. p_headers: see the column. p_datasets, p_row_keys, p_columns (array literals), p_operations: null where the value is no mutation, else what it says; they decide nothing, but a message is looked up by them.
p_only_first: a record is appended only where its partition is empty; else the answer is the offset of what stands first there, and -1.
The transaction holds each partition from here to its end, which must come soon: everybody else who appends to it waits. One that calls this several times should name its partitions in ascending order, or it may meet a deadlock.';

create function spindexer_log.seal(
  p_log oid, p_partitions int[], p_keys bytea[], p_values bytea[], p_headers bytea[],
  p_datasets text[], p_row_keys text[], p_columns text[], p_operations text[]
) returns table (of_partition int, first_offset bigint, appended_ms bigint)
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
declare
  v_partition int;
begin
  -- All of them, so that nobody is appending anywhere.
  for v_partition in select p.partition from spindexer_log.partitions as p order by p.partition loop
    perform pg_advisory_xact_lock(1936747623, v_partition);
  end loop;
  if exists (select from spindexer_log.sealed) then
    return;
  end if;
  return query select * from spindexer_log.append(
    p_log, p_partitions, p_keys, p_values, p_headers, p_datasets, p_row_keys, p_columns, p_operations
  );
  insert into spindexer_log.sealed default values;
end
$$;
comment on function spindexer_log.seal(oid, int[], bytea[], bytea[], bytea[], text[], text[], text[], text[]) is
'Appends these as the last records of the log; every later append is refused. Where it is closed already nothing is done.';

revoke all on all functions in schema spindexer_log from public`
