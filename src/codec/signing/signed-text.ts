// What is signed: a text that names the log and the batch, and that a wallet can show to who signs it.

import type { Digest } from './merkle.ts'

/**
 * Four lines of ASCII without a newline at the end: the tag, the log's id, the number of messages, the root of their tree
 * in hex. Ed25519 signs these bytes (RFC 8032, no prehash, no context); EIP-191 signs them as a personal message.
 */
export function signedText(logId: string, count: number, root: Digest): Buffer {
  const hex = Buffer.from(root, 'latin1').toString('hex')
  return Buffer.from(`spindexer signature 1\nlog ${logId}\nmessages ${count}\nroot ${hex}`, 'latin1')
}
