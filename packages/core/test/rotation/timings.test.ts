import { describe, expect, it } from 'vitest'
import { checkTimings, defaultTimings, timingsFor } from '../../src/rotation/timings.js'

describe('timingsFor', () => {
  it('leaves long lives alone', () => {
    const life = { lifetimeMs: 3_600_000, reuseIntervalMs: 0 }
    expect(timingsFor(defaultTimings, life)).toEqual(defaultTimings)
  })

  it('fits armed lease and settle into a quarter of a short life', () => {
    const { armedLeaseMs, settleMs, requestTimeoutMs } = timingsFor(defaultTimings, {
      lifetimeMs: 40_000,
      reuseIntervalMs: 0,
    })
    expect(armedLeaseMs + settleMs).toBeLessThanOrEqual(10_000)
    expect(requestTimeoutMs).toBeLessThan(armedLeaseMs)
  })

  it('fits a replay into the reuse interval', () => {
    const { requestTimeoutMs, armedLeaseMs, settleMs } = timingsFor(defaultTimings, {
      lifetimeMs: undefined,
      reuseIntervalMs: 30_000,
    })
    expect(requestTimeoutMs + armedLeaseMs + settleMs).toBeLessThan(30_000)
  })
})

describe('checkTimings', () => {
  it.each([
    [{ armedLeaseMs: 15_000 }, 'timings.armedLeaseMs'],
    [{ maxHoldMs: 5_000 }, 'timings.maxHoldMs'],
    [{ leaseMs: 0 }, 'timings.leaseMs'],
    [{ settleMs: Number.NaN }, 'timings.settleMs'],
  ])('refuses %j and names the option', (given, name) => {
    expect(() => checkTimings(given)).toThrow(TypeError)
    expect(() => checkTimings(given)).toThrow(name)
  })
})
