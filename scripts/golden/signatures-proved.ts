// Whole records with their signature headers, and who has signed each: nobody, where it is forged or malformed.

import { frameConfluent, frameSingleObject } from '../../src/codec/framing.ts'
import { createBatchSigner, type SigningKey } from '../../src/codec/signing/batch-signer.ts'
import { decodeSignature, encodeSignature, type SignatureHeader } from '../../src/codec/signing/header.ts'
import { createMerkleTree, hashLeaf } from '../../src/codec/signing/merkle.ts'
import { signedText } from '../../src/codec/signing/signed-text.ts'
import { bytesToSignerKey, type SignerKey, signerKeyToBytes } from '../../src/codec/signing/signer-key.ts'
import { hex } from './forms.ts'
import { rawMutation, text } from './raw-avro.ts'
import { KEY_NAMES, type KeyName, keyOf } from './signatures-keys.ts'
import { ed25519Cases, eip191Cases, type StrictCase } from './signatures-strict.ts'
import { LOG_ID, OTHER_LOG_ID } from './verdicts-world.ts'

export interface ProvedCase {
  readonly name: string
  readonly value: Buffer
  readonly header: Buffer
  /** Null: the signature proves nothing. */
  readonly signer: SignerKey | null
}

const AVRO = rawMutation()
const VALUE = frameSingleObject(AVRO)
const OTHER_VALUE = frameSingleObject(rawMutation({ dataset: text('plain') }))

export function provedCases(): readonly ProvedCase[] {
  return [...soundCases(), ...foreignCases(), ...pathCases(), ...formCases(), ...edgeCases()]
}

/** The header of each value, signed together. */
export function headersOf(key: SigningKey, values: readonly Buffer[], logId = LOG_ID): readonly Buffer[] {
  return createBatchSigner(key, logId, 65_536).sign(values)
}

const partsOf = (header: Buffer): SignatureHeader => {
  const parts = decodeSignature(header)
  if (typeof parts === 'string') throw new Error(parts)
  return parts
}

const valuesOf = (count: number) =>
  Array.from({ length: count }, (_, i) => frameSingleObject(rawMutation({ dataset: text(`d${i}`) })))

function soundCases(): readonly ProvedCase[] {
  const values: readonly (readonly [string, Buffer])[] = [
    ['a mutation', VALUE],
    ['a mutation in Confluent’s framing', frameConfluent(7, AVRO)],
    ['a control record', Buffer.from('{"generation":1,"kind":"close"}')],
    ['an empty value', hex('')],
    ['a value that is no message', hex('ff00ff')],
  ]
  const alone = KEY_NAMES.flatMap((name) =>
    values.map(([what, value]) => sound(`${what}, alone, by ${name}`, name, value)),
  )
  const together = (['first', 'wallet'] as const).flatMap((name) =>
    [2, 3, 5, 8, 13].flatMap((count) => signedTogether(name, valuesOf(count))),
  )
  const twice = { ...signedTogether('first', [VALUE, VALUE])[1]!, name: 'the second of two equal ones' }
  return [...alone, ...together, twice, lastOfMany()]
}

function sound(name: string, key: KeyName, value: Buffer): ProvedCase {
  const signing = keyOf(key)
  return { name, value, header: headersOf(signing, [value])[0]!, signer: signing.signer }
}

function signedTogether(key: KeyName, values: readonly Buffer[]): readonly ProvedCase[] {
  const signing = keyOf(key)
  return headersOf(signing, values).map((header, i) => ({
    name: `${i} of ${values.length} by ${key}`,
    value: values[i]!,
    header,
    signer: signing.signer,
  }))
}

/** The longest path that there is. */
function lastOfMany(): ProvedCase {
  const { signer, sign } = keyOf('first')
  const count = 65_536
  const tree = createMerkleTree(Array.from({ length: count }, (_, i) => hashLeaf(Buffer.from(String(i)))))
  const index = count - 1
  const signature = sign(signedText(LOG_ID, count, tree.root))
  const header = encodeSignature({ signer, signature, count, index, path: tree.path(index) })
  return { name: 'the last of 65,536', value: Buffer.from(String(index)), header, signer }
}

const refused = (name: string, value: Buffer, header: Buffer): ProvedCase => ({
  name,
  value,
  header,
  signer: null,
})

/** What was signed is something else. */
function foreignCases(): readonly ProvedCase[] {
  return (['first', 'wallet'] as const).flatMap((name) => {
    const key = keyOf(name)
    const other = keyOf(name === 'first' ? 'second' : 'otherWallet')
    const header = headersOf(key, [VALUE])[0]!
    const parts = partsOf(header)
    const root = createMerkleTree([hashLeaf(VALUE)]).root
    const signed = (of: Buffer) => encodeSignature({ ...parts, signature: key.sign(of) })
    const line = signedText(LOG_ID, 1, root).toString('latin1')
    const by = (what: string) => `${what} (${name})`
    return [
      refused(by('of another message'), OTHER_VALUE, header),
      refused(by('of the same message in another framing'), frameConfluent(7, AVRO), header),
      refused(by('of the Avro bytes without their framing'), VALUE, headersOf(key, [AVRO])[0]!),
      refused(by('for another log'), VALUE, headersOf(key, [VALUE], OTHER_LOG_ID)[0]!),
      refused(by('for the log in capitals'), VALUE, signed(Buffer.from(line.replace('ddeeff', 'DDEEFF')))),
      refused(by('with a newline at the end of the text'), VALUE, signed(Buffer.from(`${line}\n`))),
      refused(by('of the root alone'), VALUE, signed(Buffer.from(root, 'latin1'))),
      refused(by('of the value alone'), VALUE, signed(VALUE)),
      refused(by('by another key than it names'), VALUE, encodeSignature({ ...parts, signer: other.signer })),
      refused(by('of two messages, said to be one'), VALUE, signed(signedText(LOG_ID, 2, root))),
      refused(
        by('all zero'),
        VALUE,
        encodeSignature({ ...parts, signature: Buffer.alloc(parts.signature.length) }),
      ),
    ]
  })
}

/** The path leads elsewhere, or is too short or too long. */
function pathCases(): readonly ProvedCase[] {
  const key = keyOf('first')
  const values = valuesOf(5)
  const headers = headersOf(key, values)
  const [first, second, , , last] = headers.map(partsOf)
  const path = (bytes: Buffer) => encodeSignature({ ...first!, path: bytes })
  const flipped = Buffer.from(first!.path)
  flipped[40]! ^= 1
  const three = headersOf(key, values.slice(0, 3)).map(partsOf)
  const inner = createMerkleTree(values.map((value) => hashLeaf(value)))
  const node = Buffer.concat([
    hex('01'),
    Buffer.from(hashLeaf(values[0]!), 'latin1'),
    inner.path(0).subarray(0, 32),
  ])
  return [
    refused('the path of another message', values[0]!, headers[1]!),
    refused('the path of another message, with its own place', values[0]!, path(second!.path)),
    refused('the place of another message', values[0]!, encodeSignature({ ...first!, index: 1 })),
    refused('another node in the path', values[0]!, path(flipped)),
    refused('a path that is a node too short', values[0]!, path(first!.path.subarray(32))),
    refused('a path that is a byte too short', values[0]!, path(first!.path.subarray(1))),
    refused('no path', values[0]!, path(hex(''))),
    refused(
      'a path that is a node too long',
      values[0]!,
      path(Buffer.concat([first!.path, Buffer.alloc(32)])),
    ),
    refused('a byte behind the path', values[0]!, path(Buffer.concat([first!.path, hex('00')]))),
    refused(
      'the last one with a path as long as the others’',
      values[4]!,
      encodeSignature({ ...last!, path: first!.path }),
    ),
    refused(
      'a path upside down',
      values[0]!,
      path(Buffer.concat([64, 32, 0].map((at) => first!.path.subarray(at, at + 32)))),
    ),
    // The tree of these two has the same root as that of three: only the number that is signed tells them apart.
    refused(
      'a smaller tree with the same root',
      values[2]!,
      encodeSignature({ ...three[2]!, count: 2, index: 1 }),
    ),
    refused('an inner node as a message', node.subarray(1), path(first!.path.subarray(32))),
    refused('an inner node and its prefix as a message', node, path(first!.path.subarray(32))),
    refused('one message, index 1', values[0]!, encodeSignature({ ...first!, count: 1, index: 1 })),
    refused('index 5 of 5', values[0]!, encodeSignature({ ...first!, index: 5 })),
    refused('the greatest index', values[0]!, encodeSignature({ ...first!, index: 4_294_967_295 })),
    refused('0 messages', values[0]!, encodeSignature({ ...first!, count: 0, index: 0, path: hex('') })),
    refused(
      '65,537 messages',
      values[0]!,
      encodeSignature({ ...first!, count: 65_537, path: Buffer.alloc(17 * 32) }),
    ),
  ]
}

/** Bytes that are no header. */
function formCases(): readonly ProvedCase[] {
  return (['first', 'wallet'] as const).flatMap((name) => {
    const header = headersOf(keyOf(name), [VALUE])[0]!
    const scheme = (number: number) => Buffer.concat([Buffer.of(number), header.subarray(1)])
    const forms: readonly (readonly [string, Buffer])[] = [
      ['nothing', hex('')],
      ['the scheme alone', header.subarray(0, 1)],
      ['cut off in the key', header.subarray(0, 10)],
      ['cut off in the signature', header.subarray(0, 60)],
      ['cut off before the last byte', header.subarray(0, -1)],
      ['one byte more', Buffer.concat([header, hex('00')])],
      ['scheme 0', scheme(0)],
      ['the other scheme', scheme(3 - header[0]!)],
      ['scheme 3', scheme(3)],
      ['scheme 255', scheme(255)],
      ['twice', Buffer.concat([header, header])],
      ['as hex', Buffer.from(header.toString('hex'))],
    ]
    return forms.map(([what, bytes]) => refused(`malformed: ${what} (${name})`, VALUE, bytes))
  })
}

function edgeCases(): readonly ProvedCase[] {
  const textOfValue = signedText(LOG_ID, 1, createMerkleTree([hashLeaf(VALUE)]).root)
  const soundOf = (name: KeyName) => {
    const key = keyOf(name)
    return { key: signerKeyToBytes(key.signer), signature: key.sign(textOfValue) }
  }
  const cases = [...ed25519Cases(textOfValue, soundOf('first')), ...eip191Cases(soundOf('wallet'))]
  return cases.map((item) => edgeCase(item))
}

function edgeCase({ name, scheme, key, signature, isTaken }: StrictCase): ProvedCase {
  const signer = bytesToSignerKey(scheme, key)
  const header = encodeSignature({ signer, signature, count: 1, index: 0, path: hex('') })
  return { name, value: VALUE, header, signer: isTaken ? signer : null }
}
