import { EvergrantError, type EvergrantErrorCode } from '@evergrant/core'
import type { ErrorRequestHandler, Express } from 'express'
import { describe, expect, it } from 'vitest'
import { evergrantErrors } from '../src/index.js'
import { get, serve, versions } from './world.js'

const statuses = {
  REAUTHORIZATION_REQUIRED: 401,
  GRANT_NOT_FOUND: 401,
  STORE_UNAVAILABLE: 503,
  STORE_UNUSABLE: 500,
  TIMEOUT: 504,
  RATE_LIMITED: 503,
  PROVIDER_UNAVAILABLE: 503,
  OUTCOME_UNKNOWN: 503,
  CLIENT_REJECTED: 503,
  VALIDITY_UNATTAINABLE: 500,
  AUTHORIZATION_FAILED: 400,
  INVALID_REPLY: 502,
  BODY_NOT_REPLAYABLE: 503,
  UNCOMMITTED_SUCCESSOR: 500,
  CLOSED: 503,
  UNEXPECTED: 500,
} as const satisfies Record<EvergrantErrorCode, number>

describe.each(versions)('through %s', (_, express) => {
  function failing(error: unknown, handler: ErrorRequestHandler = evergrantErrors()): Promise<string> {
    const app: Express = express()
    app.get('/', (_req, _res, next) => next(error))
    app.use(handler)
    const last: ErrorRequestHandler = (rest: Error, _req, res, _next) =>
      void res.status(418).end(rest.message)
    app.use(last)
    return serve(app)
  }

  it('what was said of the answer that did not come about is not said of the problem', async () => {
    const app: Express = express()
    app.get('/', (_req, res, next) => {
      res.set({ 'Content-Length': '5000', 'Content-Encoding': 'gzip', ETag: '"a"', 'X-Kept': '1' })
      next(new EvergrantError('TIMEOUT', 'late'))
    })
    app.use(evergrantErrors())
    const answer = await get(await serve(app))
    expect(JSON.parse(answer.text)).toMatchObject({ code: 'timeout' })
    expect(answer.headers).toMatchObject({ 'x-kept': '1', 'content-type': 'application/problem+json' })
    expect(answer.headers).not.toHaveProperty('content-encoding')
    expect(answer.headers).not.toHaveProperty('etag')
  })

  it('a code of a newer copy of core is answered too', async () => {
    const newer = new EvergrantError('OF_NEXT_YEAR' as EvergrantErrorCode, 'new')
    const answer = await get(await failing(newer))
    expect(answer.status).toBe(500)
    expect(JSON.parse(answer.text)).toMatchObject({ code: 'of_next_year' })
  })

  it.each(Object.entries(statuses))('%s is answered with %i', async (code, status) => {
    const secret = new Error('inner canary')
    const details = { grantId: 'agency-42', reason: 'some_reason', cause: secret, retryAfterMs: 1_500 }
    const error = new EvergrantError(code as EvergrantErrorCode, 'outer canary', details)
    const answer = await get(await failing(error))
    expect(answer.status).toBe(status)
    expect(answer.headers['content-type']).toBe('application/problem+json')
    expect(answer.headers['cache-control']).toBe('no-store')
    expect(answer.headers['retry-after']).toBe(code === 'BODY_NOT_REPLAYABLE' ? '0' : '2')
    expect(JSON.parse(answer.text)).toEqual({
      type: expect.stringContaining(`docs/errors.md#${code.toLowerCase()}`),
      status,
      code: code.toLowerCase(),
      title: expect.any(String),
      detail: expect.any(String),
    })
    expect(answer.text).not.toMatch(/canary|agency|some_reason/)
  })

  it('says where to connect, where that helps', async () => {
    const dead = new EvergrantError('REAUTHORIZATION_REQUIRED', '')
    const fixed = evergrantErrors({ connectUrl: '/connect' })
    expect(JSON.parse((await get(await failing(dead, fixed))).text)).toMatchObject({ connect: '/connect' })
    const found = evergrantErrors({ connectUrl: (req) => `/connect?returnTo=${req.path}` })
    expect(JSON.parse((await get(await failing(dead, found))).text)).toMatchObject({
      connect: '/connect?returnTo=/',
    })
    const down = new EvergrantError('STORE_UNAVAILABLE', '')
    const answer = await get(await failing(down, fixed))
    expect(JSON.parse(answer.text).connect).toBeUndefined()
    expect(answer.headers['retry-after']).toBeUndefined()
  })

  it('anything else goes on', async () => {
    expect(await get(await failing(new Error('not ours')))).toMatchObject({ status: 418, text: 'not ours' })
  })

  it('so does one of ours when the answer has begun', async () => {
    const app = express()
    const errors: unknown[] = []
    app.get('/', (_req, res, next) => {
      res.write('begun')
      next(new EvergrantError('TIMEOUT', 'late'))
    })
    app.use(evergrantErrors())
    const last: ErrorRequestHandler = (error, _req, res, _next) => {
      errors.push(error)
      res.end()
    }
    app.use(last)
    expect(await get(await serve(app))).toMatchObject({ status: 200, text: 'begun' })
    expect(errors).toEqual([expect.objectContaining({ code: 'TIMEOUT' })])
  })
})
