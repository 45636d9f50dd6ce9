// Migration 1: everything beside the datasets.

export const sql = `
create table spindexer.node (
  one boolean primary key default true check (one),
  node_id uuid not null default gen_random_uuid(),
  data_schema text not null,
  log_id text,
  copy_id text,
  generation bigint,
  check (num_nulls(log_id, copy_id, generation) in (0, 3))
);
comment on table spindexer.node is 'Which node this database is, and which log it follows';

create table spindexer.definitions (
  one boolean primary key default true check (one),
  next_offset bigint not null default 0,
  rejudged_to bigint not null default 0,
  last_offset bigint,
  last_hash text,
  taken bigint not null default 0,
  refused bigint not null default 0,
  controls bigint not null default 0
);
comment on table spindexer.definitions is
  'How far the definitions are taken. Whoever writes locks this table in row share mode, whoever changes what is written in exclusive mode';
insert into spindexer.definitions default values;

create table spindexer.datasets (
  name text collate "C" primary key,
  folded jsonb not null,
  changed_at bigint not null
);
comment on table spindexer.datasets is 'The definitions, folded';

create table spindexer.positions (
  partition int primary key,
  next_offset bigint not null,
  last_offset bigint,
  last_hash text,
  consumed bigint not null,
  merged bigint not null,
  parked bigint not null,
  quarantined bigint not null,
  controls bigint not null,
  newest_stamp uuid,
  newest_append_ms bigint,
  check (consumed = merged + parked + quarantined and parked >= 0)
);
comment on table spindexer.positions is 'How far each partition is processed, and what became of its mutations';

create table spindexer.parked (
  partition int,
  "offset" bigint,
  dataset text collate "C",
  reason text not null,
  detail text not null,
  size bigint not null,
  append_ms bigint not null,
  judged_at bigint not null,
  primary key (partition, "offset")
);
create index on spindexer.parked (dataset, judged_at);
comment on table spindexer.parked is 'Messages that the definitions so far do not allow; the log has their bytes';

create table spindexer.quarantined (
  partition int,
  "offset" bigint,
  dataset text,
  reason text not null,
  detail text not null,
  size bigint not null,
  append_ms bigint not null,
  primary key (partition, "offset")
);
comment on table spindexer.quarantined is 'Messages that can never be applied; the log has their bytes';

create table spindexer.origins (
  origin text collate "C",
  partition int,
  highest_seq bigint not null,
  count bigint not null,
  primary key (origin, partition)
);
comment on table spindexer.origins is 'Numbers of writers'' sessions: a statistic that decides nothing';

create table spindexer.workers (
  worker_id uuid primary key,
  started_at timestamptz not null default clock_timestamp(),
  seen_at timestamptz not null default clock_timestamp()
);
comment on table spindexer.workers is 'The processes that share this node''s partitions';
`
