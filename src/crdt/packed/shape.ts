// What a packed fold has to know of a dataset: its name, how many texts are in a key, its columns and their branches.

/** The Avro branch of a column's values; everything that is held as text is `text`. */
export type Branch = 'boolean' | 'long' | 'double' | 'text' | 'bytes'

export interface ShapeColumn {
  readonly name: string
  readonly branch: Branch
}

/** Columns are named by their place here. */
export interface Shape {
  readonly dataset: string
  readonly keyTexts: number
  readonly columns: readonly ShapeColumn[]
}
