// What every store does to a set-aside message before it keeps it.

import type { SetAside } from './store.ts'

/**
 * The message with texts that every database can hold. They quote what somebody else sent, so they may have NUL
 * (which Postgres refuses) or a lone surrogate: a message for people must never stop a node.
 */
export function toStorable<T extends SetAside>(message: T): T {
  return {
    ...message,
    dataset: message.dataset === null ? null : storableText(message.dataset),
    reason: storableText(message.reason),
    detail: storableText(message.detail),
  }
}

function storableText(text: string): string {
  return text.replaceAll('\0', '\ufffd').toWellFormed()
}
