import { inspect } from 'node:util'
import { describe, expect, it } from 'vitest'
import { isUndone, translateError } from '../src/postgres-errors.js'

const secret = 'fixture-secret'
const driverError = (code?: string): Error =>
  Object.assign(new Error(`value "${secret}"`), { code, detail: secret, where: secret })

describe('what the driver reports', () => {
  it.each([
    ['ECONNREFUSED', 'STORE_UNAVAILABLE'],
    ['ECONNRESET', 'STORE_UNAVAILABLE'],
    ['08006', 'STORE_UNAVAILABLE'],
    ['25006', 'STORE_UNAVAILABLE'],
    ['40001', 'STORE_UNAVAILABLE'],
    ['53300', 'STORE_UNAVAILABLE'],
    ['54000', 'STORE_UNAVAILABLE'],
    ['57P01', 'STORE_UNAVAILABLE'],
    ['57P03', 'STORE_UNAVAILABLE'],
    ['XX000', 'STORE_UNAVAILABLE'],
    ['28P01', 'STORE_UNUSABLE'],
    ['2D000', 'STORE_UNUSABLE'],
    ['3D000', 'STORE_UNUSABLE'],
    ['3F000', 'STORE_UNUSABLE'],
    ['42501', 'STORE_UNUSABLE'],
    ['42883', 'STORE_UNUSABLE'],
    ['42P01', 'STORE_UNUSABLE'],
    ['EVG01', 'STORE_UNUSABLE'],
  ])('%s becomes %s in our own words', (code, expected) => {
    const error = translateError(driverError(code))
    expect(error).toMatchObject({ code: expected, reason: code })
    expect(error.cause).toBeUndefined()
    expect(inspect(error) + JSON.stringify(error)).not.toContain(secret)
  })

  it.each([undefined, null, 'text', 42, driverError(), driverError(secret), new TypeError(secret)])(
    'an error without a code is the connection’s: %#',
    (reported) => {
      const error = translateError(reported)
      expect(error).toMatchObject({ code: 'STORE_UNAVAILABLE', reason: 'NO_CONNECTION' })
      expect(inspect(error)).not.toContain(secret)
    },
  )

  it('tells what happened for certain not at all', () => {
    expect(['40001', '40P01', '57P01', 'ECONNRESET'].map((code) => isUndone(driverError(code)))).toEqual([
      true,
      true,
      false,
      false,
    ])
  })
})
