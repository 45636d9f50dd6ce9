// How much a random test does: little in `npm test`, more in a soak.

/** `runs`, times SPINDEXER_SOAK where that is set. */
export function soaked(runs: number): number {
  const factor = Number(process.env.SPINDEXER_SOAK ?? 1)
  if (!(factor >= 1))
    throw new Error(`SPINDEXER_SOAK is ${process.env.SPINDEXER_SOAK}; give a number from 1 on`)
  return Math.round(runs * factor)
}
