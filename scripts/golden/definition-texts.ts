// Writing definitions for vectors: canonical JSON texts of dataset records, without the code that they test.

type Plain =
  | null
  | boolean
  | number
  | string
  | readonly Plain[]
  | { readonly [member: string]: Plain | undefined }

/** JSON with sorted members; those that are undefined are left out. Names are ASCII. */
export function canonicalText(value: Plain): string {
  if (typeof value !== 'object' || value === null) return JSON.stringify(value)
  if (Array.isArray(value)) return `[${value.map(canonicalText).join(',')}]`
  const members = Object.entries(value).filter(([, member]) => member !== undefined)
  const sorted = members.sort(([a], [b]) => (a < b ? -1 : 1))
  return `{${sorted.map(([name, member]) => `${JSON.stringify(name)}:${canonicalText(member!)}`).join(',')}}`
}

/** A dataset record of any schema. */
export function record(schema: Plain): string {
  return canonicalText({ kind: 'dataset', schema })
}

/** A sound schema named `d`, with key field `id`, or what is given. */
export function schema(fields: readonly Plain[], members: Readonly<Record<string, Plain | undefined>> = {}) {
  return { type: 'record', name: 'd', key: ['id'], fields, ...members }
}

export const field = (name: string, type: Plain, members: Readonly<Record<string, Plain>> = {}) => ({
  name,
  type,
  ...members,
})

export const ID = field('id', 'string')
export const nullable = (name: string, type: Plain, members: Readonly<Record<string, Plain>> = {}) =>
  field(name, ['null', type], members)
export const logical = (type: string, logicalType: string) => ({ type, logicalType })
export const enumOf = (...symbols: readonly string[]) => ({ type: 'enum', name: 'E', symbols })
