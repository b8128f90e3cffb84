import fc from 'fast-check'
import { parseLimits } from '../../../packages/core/src/token-endpoint/parse-limits.js'
import { claim, headerText, type Target, textOf } from './target.js'

const value = fc.oneof(
  textOf(
    '0',
    '1',
    '60',
    '-',
    '+',
    '.',
    'e9',
    '0x',
    ' ',
    ',',
    ';',
    'GMT',
    'Wed, 21 Oct 2026 07:28:00 GMT',
  ).map(headerText),
  fc.integer().map(String),
  fc.double().map(String),
  fc.date({ noInvalidDate: true }).map((date) => date.toUTCString()),
)
const names = [
  'retry-after',
  'date',
  'x-ratelimit-reset',
  'x-ratelimit-remaining',
  'ratelimit-reset',
  'ratelimit-remaining',
]

export const rateLimits: Target = {
  name: 'rate-limit headers',
  property: fc.property(
    fc.dictionary(fc.constantFrom(...names), value),
    fc.integer({ min: 0, max: 4e12 }),
    (headers, nowMs) => {
      const { retryAfterMs, usedUpForMs } = parseLimits(new Headers(headers), nowMs)
      for (const ms of [retryAfterMs, usedUpForMs])
        claim(ms === undefined || (ms >= 0 && ms <= 3_600_000), 'a wait is longer than an hour, or none')
    },
  ),
}
