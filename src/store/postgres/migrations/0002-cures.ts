// Migration 2: parked messages say what they wait for, so that a definition reads again only those that it may cure.

export const sql = `
alter table spindexer.parked add column waits_for text collate "C";
comment on column spindexer.parked.waits_for is
  'The column that a definition has to bring, or give more symbols; empty: the dataset itself; null: nothing helps';
update spindexer.parked set waits_for = case reason
  when 'unknown-dataset' then ''
  when 'unknown-column' then detail
  when 'unknown-symbol' then substring(detail from '^(?:key )?column ([A-Za-z][A-Za-z0-9_]*): ')
end;

create table spindexer.cures (
  dataset text collate "C",
  waits_for text collate "C",
  defined_at bigint not null,
  primary key (dataset, waits_for)
);
comment on table spindexer.cures is
  'What definitions have brought that messages parked below defined_at wait for; empty when all are judged again';
insert into spindexer.cures (dataset, waits_for, defined_at)
select distinct p.dataset, p.waits_for, d.changed_at
from spindexer.parked as p
join spindexer.datasets as d on d.name = p.dataset and d.changed_at > p.judged_at
where p.waits_for is not null;

drop index spindexer.parked_dataset_judged_at_idx;
create index on spindexer.parked (dataset, waits_for, judged_at, partition, "offset");
`
