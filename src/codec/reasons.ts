// Every reason for which a message or a definition is set aside: what it means, and what to do about it.

export interface ReasonText {
  /** Sentences for people. */
  readonly meaning: string
  readonly remedy: string
}

/** Reasons to quarantine: whatever the definitions say, the message can never be applied. */
export const QUARANTINE_REASONS = {
  'no-value': {
    meaning:
      'The record has no value; or its batch cannot be read, or has more than 64 MiB when decompressed.',
    remedy:
      'Look at what writes to the topic: every mutation has a value, a delete too, and a batch stays far below 64 MiB.',
  },
  'not-log-time': {
    meaning: 'The record carries its writer’s time instead of the log’s own.',
    remedy: 'Set message.timestamp.type=LogAppendTime on the topic, then publish the message again.',
  },
  'unknown-header': {
    meaning: 'A header begins with spindexer- and is none that these rules know.',
    remedy: 'Names that begin with spindexer- are reserved: rename the header and publish the message again.',
  },
  'repeated-header': {
    meaning: 'A header that begins with spindexer- stands there twice.',
    remedy: 'Publish the message again with the header once.',
  },
  marked: {
    meaning: 'The record is marked as quarantined by the log that this one was copied from.',
    remedy:
      'The header’s value says why, and where the message stands in the log that was copied: `quarantine show` prints it.',
  },
  'too-large': {
    meaning: 'The value has more than 900,000 bytes.',
    remedy: 'Spread the columns over several mutations, or keep large content elsewhere.',
  },
  'unknown-framing': {
    meaning: 'The value begins like no message: neither Confluent’s framing, nor Avro single-object, nor {.',
    remedy: 'Look at what writes to the log; the log’s README says how a message begins.',
  },
  'unknown-schema': {
    meaning: 'The Avro single-object fingerprint is not that of mutation.avsc.',
    remedy: 'Write with the schema that this program ships; other records do not belong into this log.',
  },
  'bad-control': {
    meaning: 'The value begins with { and is no control record in canonical JSON.',
    remedy: 'Control records are written by the log, datasets and policy commands; use these.',
  },
  'foreign-genesis': {
    meaning: 'A genesis record names another log.',
    remedy: 'Two logs were mixed in one place: find out which one writes here, and move it.',
  },
  'dataset-in-data': {
    meaning: 'A definition stands in a data partition, where none counts.',
    remedy: 'Apply it with spindexer datasets apply, which appends to the definitions.',
  },
  'mutation-in-definitions': {
    meaning: 'A mutation stands among the definitions, where none counts.',
    remedy: 'Publish it to the log’s data partitions.',
  },
  'bad-avro': {
    meaning: 'The bytes are no mutation in strict Avro.',
    remedy: 'Mend the writer; golden vectors to hold it against are in schemas/golden.',
  },
  'bad-stamp': {
    meaning: 'The stamp is all zero or has its top bit set.',
    remedy: 'Mend the writer’s clock and publish the message again.',
  },
  'bad-seq': {
    meaning: 'The number in the session is negative or above 2^53 - 1.',
    remedy: 'Number from 0, or send null; publish the message again.',
  },
  'bad-name': {
    meaning: 'A dataset’s or column’s name is none: a letter, then letters, digits and _, at most 55 bytes.',
    remedy: 'Mend the writer and publish the message again.',
  },
  'bad-key': {
    meaning: 'The key has no texts or over 16, over 1,024 bytes, or U+0000 in it.',
    remedy: 'Use a shorter key; one that does not fit cannot be replicated.',
  },
  'too-many-columns': {
    meaning: 'There are more than 200 columns.',
    remedy: 'Spread the columns over several mutations, or over several datasets.',
  },
  'update-without-columns': {
    meaning: 'An update names no column, so it changes nothing.',
    remedy: 'To make a row without columns exist, send an upsert.',
  },
  'delete-with-columns': {
    meaning: 'A delete names columns.',
    remedy: 'Send a delete with the key alone; to empty columns, send an update with null.',
  },
  'bad-double': {
    meaning: 'A double is NaN, infinite or −0, which have no place in the order of values.',
    remedy: 'Send null, or 0 for −0.',
  },
  nul: {
    meaning: 'A string holds U+0000 (NUL), which Postgres cannot store.',
    remedy: 'Send the text without it, or as bytes.',
  },
  closed: {
    meaning: 'The record stands behind the close of its log: the log has moved on to its next generation.',
    remedy: 'Point the writer at the newest copy of the log and publish the message again.',
  },
  'bad-signature': {
    meaning: 'The signature is malformed, or not of this message by this signer for this log.',
    remedy: 'Sign the record’s value as it is, for this log’s id; golden vectors are in schemas/golden.',
  },
  unsigned: {
    meaning: 'The message is not signed, and the policy before it asks for a signature.',
    remedy: 'Publish it again with --key, or have an admin allow unsigned mutations.',
  },
  'not-allowed': {
    meaning: 'No rule of the policy before the message lets its signer do that.',
    remedy:
      'Have an admin extend the policy (policy check says what is missing), then publish the message again.',
  },
  'not-admin': {
    meaning: 'A policy, a definition or a close that no admin of that moment has signed.',
    remedy: 'Have one of the admins sign it; policy show names them.',
  },
  'wrong-version': {
    meaning: 'The policy’s version is not exactly one above the last valid one before it in its partition.',
    remedy:
      'Apply the policy with spindexer policy apply, which numbers it. One that came twice does no harm.',
  },
  'wrong-generation': {
    meaning: 'The close is of another generation of the log.',
    remedy: 'Close the log with spindexer log copy --close; a close that was copied along does no harm.',
  },
  'clock-ahead': {
    meaning: 'The stamp is further ahead of the log’s own clock than the log allows.',
    remedy: 'Set the writer’s clock right and publish the message again with a new stamp.',
  },
} as const satisfies Readonly<Record<string, ReasonText>>

/** Reasons to park: judged again when the dataset’s definition changes. */
export const PARK_REASONS = {
  'unknown-dataset': {
    meaning: 'No definition names the dataset so far.',
    remedy: 'Define it with spindexer datasets apply; the message is then judged again by itself.',
  },
  'wrong-key': {
    meaning: 'The key has not one text per key column, or a text is not canonical for its column’s type.',
    remedy: 'Mend the writer and publish the message again with the right key.',
  },
  'unknown-column': {
    meaning: 'No definition names the column so far.',
    remedy: 'Add the column with spindexer datasets apply; the message is then judged again by itself.',
  },
  'key-as-column': {
    meaning: 'A key column stands among the columns.',
    remedy: 'Key columns belong into the key alone: mend the writer and publish the message again.',
  },
  'wrong-value': {
    meaning: 'A value is not of its column’s type, or not in its canonical form.',
    remedy: 'Mend the writer and publish the message again.',
  },
  'unknown-symbol': {
    meaning: 'A text is none of the symbols of its enum so far.',
    remedy: 'Add the symbol with spindexer datasets apply; the message is then judged again by itself.',
  },
} as const satisfies Readonly<Record<string, ReasonText>>

/** Reasons to refuse a definition. */
export const DEFINITION_REASONS = {
  'bad-definition': {
    meaning: 'The schema is no definition of a dataset.',
    remedy: 'Mend the .avsc file and apply it again; schemas/README.md says what it may hold.',
  },
  'key-changed': {
    meaning: 'The definition names other key columns than the dataset’s first one, or in another order.',
    remedy: 'A key is fixed for ever: keep it, or define a new dataset under another name.',
  },
  'type-changed': {
    meaning: 'The definition gives a column another type than it has.',
    remedy: 'A type is fixed for ever: keep it, or add a column under another name.',
  },
  'dataset-full': {
    meaning:
      'The dataset would have more than 200 columns, key columns included, or more than 100,000 bytes of enum symbols.',
    remedy:
      'Columns and symbols never go: define another dataset for the new columns, and a string in place of so large an enum.',
  },
  'catalogue-full': {
    meaning: 'The log would have more than 1,000 datasets.',
    remedy: 'Datasets never go: start another log for the new ones.',
  },
} as const satisfies Readonly<Record<string, ReasonText>>

export type QuarantineReason = keyof typeof QUARANTINE_REASONS
export type ParkReason = keyof typeof PARK_REASONS
export type DefinitionReason = keyof typeof DEFINITION_REASONS

const REASONS: ReadonlyMap<string, ReasonText> = new Map(
  Object.entries({ ...QUARANTINE_REASONS, ...PARK_REASONS, ...DEFINITION_REASONS }),
)

export const REASON_NAMES: readonly string[] = [...REASONS.keys()]

/** What a reason means and what to do; null for one that this program does not know (a newer one wrote it). */
export function explainReason(reason: string): ReasonText | null {
  return REASONS.get(reason) ?? null
}
