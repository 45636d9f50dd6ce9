// Medians and how figures are written in the tables.

/** The median; of an even number of figures the upper one of the middle two. NaN of none. */
export function median(figures: readonly number[]): number {
  const sorted = figures.toSorted((a, b) => a - b)
  return sorted[Math.floor(sorted.length / 2)] ?? Number.NaN
}

/** Thousands a second: `152.3 k/s`. */
export function showRate(perSecond: number): string {
  return `${(perSecond / 1_000).toFixed(1)} k/s`
}

/** The median and, of several, the least and the greatest: `152.3 k/s (148.0–155.1)`. NaN is what was too short to tell. */
export function showRates(perSecond: readonly number[]): string {
  if (perSecond.length === 0) return '–'
  if (perSecond.some(Number.isNaN)) return 'too short'
  const thousands = (figure: number) => (figure / 1_000).toFixed(1)
  const spread = `${thousands(Math.min(...perSecond))}–${thousands(Math.max(...perSecond))}`
  return perSecond.length === 1 ? showRate(perSecond[0]!) : `${showRate(median(perSecond))} (${spread})`
}

/** How many times as much: `3.05`. A dash when one of them was not measured. */
export function showRatio(ours: number | undefined, theirs: number | undefined): string {
  const ratio = (ours ?? Number.NaN) / (theirs ?? Number.NaN)
  return Number.isFinite(ratio) ? ratio.toFixed(2) : '–'
}
