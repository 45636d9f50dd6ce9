// Whether a state belongs to a log: the one judgement that all stores share.

import type { LogIdentity, StoreRefusal } from './store.ts'

/**
 * Null when a state bound to `held` may follow the log `asked`, which is the same one or a later generation of it; else
 * why not, and what to do.
 */
export function refuseIdentity(held: LogIdentity, asked: LogIdentity): StoreRefusal | null {
  if (held.logId !== asked.logId) {
    return {
      type: 'refused',
      what: `this database holds the state of the log ${held.logId}, but the log given is ${asked.logId}`,
      remedy:
        'give the address of the log that this database follows, or an empty database for the other log',
    }
  }
  if (asked.generation < held.generation) {
    return {
      type: 'refused',
      what: `this database follows generation ${held.generation} of its log, but the log given is the older generation ${asked.generation}`,
      remedy: 'give the address of the newest copy of the log',
    }
  }
  // A copy made later: the state moves to it.
  if (isLaterGeneration(asked, held)) return null
  if (asked.copyId !== held.copyId) {
    return {
      type: 'refused',
      what: `this database follows copy ${held.copyId} of its log, but the log given is another copy, ${asked.copyId}, of the same generation ${held.generation}`,
      remedy:
        'give the address of the copy that this database follows, or an empty database for the other copy',
    }
  }
  return null
}

export function isSameIdentity(a: LogIdentity, b: LogIdentity): boolean {
  return a.logId === b.logId && a.copyId === b.copyId && a.generation === b.generation
}

/** True when `asked` is a copy of the log `held`, made after it. */
export function isLaterGeneration(asked: LogIdentity, held: LogIdentity): boolean {
  return asked.logId === held.logId && asked.generation > held.generation
}
