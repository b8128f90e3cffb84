import { expect, it } from 'vitest'
import { EvergrantError } from '../../src/errors.js'
import { problemOf } from '../../src/http/problem.js'

it('says what happened and what to do, without grant, reason and cause', () => {
  const details = { grantId: 'agency-42', reason: 'revoked', cause: new Error('inner') }
  expect(problemOf(new EvergrantError('REAUTHORIZATION_REQUIRED', 'The grant is dead', details))).toEqual({
    type: 'https://github.com/evergrant/evergrant/blob/main/docs/errors.md#reauthorization_required',
    status: 401,
    code: 'reauthorization_required',
    title: 'The connection to the provider has ended',
    detail: 'Connect the account again.',
  })
})

it.each([
  [1, 1],
  [1_000, 1],
  [1_001, 2],
  [0, 0],
  [-5, 0],
])('%i ms to wait are %i seconds', (retryAfterMs, retryAfterSeconds) => {
  const error = new EvergrantError('RATE_LIMITED', 'budget', { retryAfterMs })
  expect(problemOf(error)).toMatchObject({ status: 503, retryAfterSeconds })
})

it('a request whose body is gone can be sent again at once', () => {
  expect(problemOf(new EvergrantError('BODY_NOT_REPLAYABLE', ''))).toMatchObject({ retryAfterSeconds: 0 })
})
