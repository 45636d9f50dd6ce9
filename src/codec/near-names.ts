// Which names somebody may have meant who typed one that does not exist.

const NEAR_MAX = 3
const LISTED_MAX = 10

/**
 * The names, nearest first and at most three, that some edits lead to: `editsMax`, or two, or a third of the typed
 * name's length.
 */
export function nearNames(typed: string, names: Iterable<string>, editsMax?: number): readonly string[] {
  const wanted = typed.toLowerCase()
  // Two letters swapped are two edits.
  const allowed = editsMax ?? (wanted.length < 4 ? 1 : Math.max(2, Math.floor(wanted.length / 3)))
  return [...names]
    .filter((name) => Math.abs(name.length - wanted.length) <= allowed)
    .map((name) => ({ name, edits: countEdits(wanted, name.toLowerCase()) }))
    .filter(({ edits }) => edits <= allowed)
    .sort((a, b) => a.edits - b.edits)
    .slice(0, NEAR_MAX)
    .map(({ name }) => name)
}

/** `a, b, c`, cut off after ten. */
export function listNames(names: readonly string[]): string {
  const listed = names.slice(0, LISTED_MAX).join(', ')
  return names.length > LISTED_MAX ? `${listed} and ${names.length - LISTED_MAX} more` : listed
}

/** Levenshtein's distance. Only for names of similar length, so at most some 70 by 70 steps. */
function countEdits(a: string, b: string): number {
  let above = Array.from({ length: b.length + 1 }, (_, i) => i)
  for (let i = 0; i < a.length; i++) {
    const row = [i + 1]
    for (let j = 0; j < b.length; j++) {
      const replaced = above[j]! + (a[i] === b[j] ? 0 : 1)
      row.push(Math.min(replaced, above[j + 1]! + 1, row[j]! + 1))
    }
    above = row
  }
  return above[b.length]!
}
