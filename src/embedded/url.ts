// How one reaches a server of ours.

/** The node's own, in an embedded server. */
export const DATABASE = 'spindexer'

/** As superuser `postgres`. */
export function postgresUrl(port: number, password?: string, database = 'postgres'): string {
  return `postgres://postgres${password ? `:${password}` : ''}@127.0.0.1:${port}/${database}`
}
