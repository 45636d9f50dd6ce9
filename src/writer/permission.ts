// Whether the policy lets whoever writes do what a change does: what every node would quarantine is never sent.

import type { TypedChange } from '../codec/line.ts'
import { type Act, rightsOf } from '../codec/policy/rights.ts'
import type { Standing } from '../codec/policy/standing.ts'
import type { Signer } from '../codec/signing/signer-key.ts'
import type { Operation } from '../crdt/mutation.ts'

/** Why the policy does not allow a change, in half a sentence; null where it does. */
export type RefuseAct = (change: Pick<TypedChange, 'operation' | 'dataset' | 'columns'>) => string | null

/** Half a sentence that stands behind "the log" or a line's number. */
export const CLOSED = 'is closed: it was copied, and every node quarantines what is written to it now'

/** `signer` null: for changes that are not signed. The standing is that of the definitions. */
export function createRefuseAct(standing: Standing, signer: Signer): RefuseAct {
  if (standing.type === 'open') return () => null
  if (standing.isClosed) return () => `the log ${CLOSED}`
  const rights = rightsOf(standing)
  return ({ operation, dataset, columns }) => {
    const act: Act = { operation, dataset, columns: columns.keys() }
    const permission = rights.permit(signer, act)
    return permission.type === 'allowed' ? null : `not allowed: ${permission.detail}`
  }
}

/** What was let through, as far as a policy can tell it apart: for a policy that comes later. */
export interface Acts {
  see(change: Parameters<RefuseAct>[0]): void
  /** Why one of them would be refused; null where none is. */
  refusedBy(refuse: RefuseAct): string | null
}

/**
 * Rules that apply to a dataset and an operation unite, column by column: all columns that were written together are
 * allowed exactly where each change was.
 */
export function createActs(): Acts {
  const columnsByAct = new Map<string, Map<string, Set<string>>>()
  return {
    see({ operation, dataset, columns }) {
      const byDataset = columnsByAct.get(operation) ?? new Map<string, Set<string>>()
      const seen = byDataset.get(dataset) ?? new Set<string>()
      for (const column of columns.keys()) seen.add(column)
      byDataset.set(dataset, seen)
      columnsByAct.set(operation, byDataset)
    },
    refusedBy(refuse) {
      for (const [operation, byDataset] of columnsByAct) {
        for (const [dataset, seen] of byDataset) {
          const columns = new Map([...seen].map((column) => [column, null]))
          const reason = refuse({ operation: operation as Operation, dataset, columns })
          if (reason !== null) return reason
        }
      }
      return null
    },
  }
}
