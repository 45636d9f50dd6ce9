// Limits of what a store keeps beside the state.

/** Rows of the statistic on sessions. Beyond it new sessions are not recorded: anyone can make up numbers. */
export const ORIGINS_MAX = 10_000
