// Which errors are waited for, and which end the program.

import { describe, expect, it } from 'vitest'
import { createPool } from '../../src/postgres/pool.ts'
import { isTransient } from '../../src/store/postgres/errors.ts'
import { createPostgresStore } from '../../src/store/postgres/store.ts'
import { LOG } from '../contract/store-fixture.ts'

const withCode = (code: string): Error => Object.assign(new Error('as the driver throws it'), { code })

describe('errors of Postgres', () => {
  it.each([
    ['08006', '53100', '53300', '57014', '57P01', '57P03', '58030', '40001', '40P01', '55P03', '25006'],
    ['ECONNREFUSED', 'ECONNRESET', 'EPIPE', 'ETIMEDOUT', 'ENOTFOUND', 'EAI_AGAIN'],
  ])('pass by themselves: %s …', (...codes) => {
    for (const code of codes) expect([code, isTransient(withCode(code))]).toEqual([code, true])
  })

  it('are bugs or wrong configuration otherwise', () => {
    const codes = [
      '22003',
      '22021',
      '22P02',
      '23505',
      '23514',
      '28P01',
      '3D000',
      '42501',
      '42P01',
      '42883',
      '54000',
    ]
    for (const code of codes) expect([code, isTransient(withCode(code))]).toEqual([code, false])
    expect(isTransient(new Error('a batch holds rows of "x", which is not defined'))).toBe(false)
    expect(isTransient(new TypeError('x is not a function'))).toBe(false)
    expect(isTransient('57P01')).toBe(false)
    expect(isTransient(new AggregateError([]))).toBe(false)
    expect(isTransient(new AggregateError([withCode('ECONNREFUSED'), withCode('42601')]))).toBe(false)
  })

  it('a server that is not there is waited for', async () => {
    // Port 1 of the loopback is nobody's.
    const pool = createPool('postgres://nobody@127.0.0.1:1/none')
    const error = await createPostgresStore({ pool })
      .load(LOG)
      .catch((thrown: unknown) => thrown)
    expect(isTransient(error)).toBe(true)
    await pool.end()
  })
})
