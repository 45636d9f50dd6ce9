// Vectors of signatures: keys, trees, signed texts, headers, whole records with who has signed them, and what policies make of them.

import { decodeSignature } from '../../src/codec/signing/header.ts'
import { createMerkleTree, type Digest, hashLeaf } from '../../src/codec/signing/merkle.ts'
import { createRecordProver } from '../../src/codec/signing/proof.ts'
import { signedText } from '../../src/codec/signing/signed-text.ts'
import { schemeOf, signerKeyToBytes } from '../../src/codec/signing/signer-key.ts'
import { demand, hex } from './forms.ts'
import { policyVectors } from './policies.ts'
import { KEY_NAMES, keyOf, keyVectors, signatureVectors } from './signatures-keys.ts'
import { headersOf, type ProvedCase, provedCases } from './signatures-proved.ts'
import { nodesOf, treeVectors } from './signatures-trees.ts'
import { LOG_ID, OTHER_LOG_ID } from './verdicts-world.ts'

export function signatureFileVectors() {
  const { root } = createMerkleTree(['', 'a', 'b'].map((text) => hashLeaf(Buffer.from(text))))
  return {
    logId: LOG_ID,
    keys: keyVectors(),
    trees: treeVectors(),
    texts: textVectors(root),
    signatures: signatureVectors([signedText(LOG_ID, 1, root), signedText(OTHER_LOG_ID, 65_536, root)]),
    headers: headerVectors(),
    records: recordVectors(),
    policies: policyVectors(),
  }
}

function textVectors(root: Digest) {
  demand(
    'a signed text',
    signedText(LOG_ID, 1, root).toString('latin1'),
    `spindexer signature 1\nlog 00112233-4455-6677-8899-aabbccddeeff\nmessages 1\nroot ${Buffer.from(root, 'latin1').toString('hex')}`,
  )
  return [
    { logId: LOG_ID, count: 1 },
    { logId: OTHER_LOG_ID, count: 1000 },
    { logId: LOG_ID, count: 65_536 },
  ].map(({ logId, count }) => ({
    logId,
    count,
    root: Buffer.from(root, 'latin1').toString('hex'),
    text: signedText(logId, count, root).toString('latin1'),
  }))
}

/** Headers taken apart, by every key; the first one is also put together by hand. */
function headerVectors() {
  const values = ['01', '02', '03', '04', '05'].map(hex)
  const headers = KEY_NAMES.flatMap((name) => {
    const key = keyOf(name)
    const five = headersOf(key, values)
    return [headersOf(key, [values[0]!])[0]!, five[1]!, five[4]!]
  })
  const text = signedText(LOG_ID, 1, createMerkleTree([hashLeaf(values[0]!)]).root)
  const key = keyOf('first')
  const byHand = [hex('01'), signerKeyToBytes(key.signer), key.sign(text), hex('00000001 00000000')]
  demand('the first header', headers[0]!.toString('hex'), Buffer.concat(byHand).toString('hex'))
  return headers.map((header) => {
    const parts = decodeSignature(header)
    if (typeof parts === 'string') throw new Error(parts)
    return {
      header: header.toString('hex'),
      scheme: schemeOf(parts.signer),
      signer: parts.signer,
      signature: parts.signature.toString('hex'),
      count: parts.count,
      index: parts.index,
      path: nodesOf(parts.path),
    }
  })
}

function recordVectors() {
  const cases = provedCases()
  const names = cases.map(({ name }) => name)
  demand(
    'names of records that stand there twice',
    names.filter((name, i) => names.indexOf(name) < i),
    [],
  )
  // One prover for all: what it keeps between two records may not show.
  const prove = createRecordProver(LOG_ID)
  return cases.map(({ name, value, header, signer }: ProvedCase) => {
    const headers = [{ name: 'spindexer-signature', value: header }]
    const proof = prove({ ...PLACE, value, headers })
    demand(`${name}: who has signed`, proof.type === 'signed' ? proof.signer : null, signer)
    return { name, value: value.toString('hex'), header: header.toString('hex'), signer }
  })
}

const PLACE = { partition: 0, offset: 1n, appendMs: 0n, stampedByLog: true, key: null }
