// Migration 3: stamps of cells may be left out of the tables, which a program from before would misread; no row changes.

export const sql = `
comment on table spindexer.datasets is
  'The definitions, folded. In a table d_…, a value c_x without a stamp s_x beside it has that of alive'
`
