// The framing of mutations: the fingerprint against published ones, and the canonical form against avsc's.

import { describe, expect, it } from 'vitest'
import { findAvro, frameConfluent, frameSingleObject, MUTATION_FINGERPRINT } from '../../src/codec/framing.ts'
import {
  crc64Avro,
  MUTATION_CANONICAL_FORM,
  MUTATION_SCHEMA,
  MUTATION_TYPE,
} from '../../src/codec/mutation-schema.ts'

describe('the fingerprint', () => {
  it('is CRC-64-AVRO as published in Avro’s own test data', () => {
    const published: Readonly<Record<string, bigint>> = {
      '"null"': 7195948357588979594n,
      '"boolean"': -6970731678124411036n,
      '"int"': 8247732601305521295n,
      '{"name":"foo","type":"fixed","size":15}': 1756455273707447556n,
    }
    for (const [schema, fingerprint] of Object.entries(published)) {
      expect(BigInt.asIntN(64, crc64Avro(Buffer.from(schema)))).toBe(fingerprint)
    }
  })

  it('is of the parsing canonical form that avsc makes of the shipped schema', () => {
    expect(JSON.stringify(MUTATION_TYPE.schema({ noDeref: false, exportAttrs: false }))).toBe(
      MUTATION_CANONICAL_FORM,
    )
    expect(JSON.parse(MUTATION_SCHEMA)).toMatchObject({ name: 'Mutation', namespace: 'spindexer' })
    expect(MUTATION_FINGERPRINT).toBe(crc64Avro(Buffer.from(MUTATION_CANONICAL_FORM)))
  })
})

describe('framing', () => {
  const avro = Buffer.from('a mutation')

  it('is found again', () => {
    expect(findAvro(frameSingleObject(avro))).toBe(10)
    expect(findAvro(frameConfluent(0xdeadbeef, avro))).toBe(5)
    expect(frameConfluent(0xdeadbeef, avro).toString('hex', 0, 5)).toBe('00deadbeef')
    expect(frameSingleObject(avro).readBigUInt64LE(2)).toBe(MUTATION_FINGERPRINT)
  })

  it('is told apart from anything else', () => {
    expect(findAvro(Buffer.alloc(0))).toBe('unknown-framing')
    expect(findAvro(avro)).toBe('unknown-framing')
    expect(findAvro(Buffer.from([0, 0, 0, 0]))).toBe('unknown-framing')
    expect(findAvro(Buffer.from([0xc3, 1, 0]))).toBe('unknown-schema')
  })
})
