// What the short way has to know of a dataset, laid out for reading: names as bytes, kinds by place, which texts to look at.

import { BOOLEAN, BYTES, DOUBLE, LONG, TEXT } from '../crdt/packed/message.ts'
import type { Branch, Shape } from '../crdt/packed/shape.ts'
import type { Catalogue, Dataset, KeyColumn } from './catalogue.ts'
import { datasetToShape } from './shapes.ts'

export interface Plan {
  readonly shape: Shape
  readonly name: Uint8Array
  /** By place in the key: the column whose texts have a form, or null where any text will do. */
  readonly keyForms: readonly (KeyColumn | null)[]
  /** By place in the shape. */
  readonly columnNames: readonly Uint8Array[]
  readonly kinds: Uint8Array
  readonly forms: readonly (KeyColumn | null)[]
  readonly places: ReadonlyMap<string, number>
  /** A guess, by position in a message: the column that stood there in the message before. Decides nothing. */
  readonly guesses: Int32Array
  /** By place, the number of the message that named the column last. */
  readonly namedBy: Float64Array
}

const KINDS: Readonly<Record<Branch, number>> = {
  boolean: BOOLEAN,
  long: LONG,
  double: DOUBLE,
  text: TEXT,
  bytes: BYTES,
}

/** Plans of a catalogue's datasets by name, each made when it is first asked for; null for what is not defined. */
export function createPlanner({ datasets }: Catalogue): (dataset: string) => Plan | null {
  const plans = new Map<string, Plan>()
  return (name) => {
    let plan = plans.get(name)
    if (plan === undefined) {
      const dataset = datasets.get(name)
      if (dataset === undefined) return null
      plan = createPlan(dataset)
      plans.set(name, plan)
    }
    return plan
  }
}

function createPlan(dataset: Dataset): Plan {
  const shape = datasetToShape(dataset)
  const columns = [...dataset.columns.values()]
  return {
    shape,
    name: Buffer.from(dataset.name, 'latin1'),
    keyForms: dataset.key.map(formOf),
    columnNames: columns.map(({ name }) => Buffer.from(name, 'latin1')),
    kinds: Uint8Array.from(shape.columns, ({ branch }) => KINDS[branch]),
    forms: columns.map(formOf),
    places: new Map(columns.map(({ name }, place) => [name, place])),
    guesses: Int32Array.from(columns, (_, place) => place),
    namedBy: new Float64Array(columns.length),
  }
}

function formOf(column: KeyColumn): KeyColumn | null {
  return column.type === 'string' && column.symbols === null ? null : column
}
