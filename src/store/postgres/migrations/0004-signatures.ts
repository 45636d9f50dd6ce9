// Migration 4: what holds by the policy of a guarded log, and who has signed; nothing changes for an open log.

export const sql = `
create table spindexer.standings (
  partition int primary key,
  standing jsonb not null
);
comment on table spindexer.standings is
  'What holds at each position where policies or closes have changed it; the definitions are partition -1';

create table spindexer.signers (
  id bigint generated always as identity primary key,
  signer text collate "C" not null unique
);
comment on table spindexer.signers is 'Keys that have signed messages which are merged';

create table spindexer.authors (
  origin bigint,
  signer_id bigint,
  primary key (origin, signer_id)
);
comment on table spindexer.authors is
  'By whom messages of each origin are signed that are merged: part of the state. An origin is its 64 bits as a signed number; signer 0 is nobody'
`
