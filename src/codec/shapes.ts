// What a packed fold has to know of the datasets of a catalogue.

import type { Branch, Shape } from '../crdt/packed/shape.ts'
import type { Catalogue, ColumnType, Dataset } from './catalogue.ts'

/** The shape of a dataset: its columns in the order in which definitions brought them. */
export function datasetToShape({ name, key, columns }: Dataset): Shape {
  return {
    dataset: name,
    keyTexts: key.length,
    columns: [...columns.values()].map((column) => ({
      name: column.name,
      branch: branchOf(column.type),
    })),
  }
}

/** By dataset. */
export function catalogueToShapes({ datasets }: Catalogue): ReadonlyMap<string, Shape> {
  return new Map([...datasets].map(([name, dataset]) => [name, datasetToShape(dataset)]))
}

function branchOf(type: ColumnType): Branch {
  switch (type) {
    case 'boolean':
    case 'long':
    case 'double':
    case 'bytes':
      return type
    default:
      return 'text'
  }
}
