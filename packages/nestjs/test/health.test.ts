import type { TokenStore } from '@evergrant/core'
import { Controller, Get, Inject } from '@nestjs/common'
import { HealthCheckService, type HealthIndicatorResult, TerminusModule } from '@nestjs/terminus'
import { describe, expect, it } from 'vitest'
import { type EvergrantHealth, EvergrantHealthIndicator, EvergrantModule } from '../src/index.js'
import { platformNames, startApp, startWorld, type World } from './world.js'

const noPause = { clientPausedForMs: 0, budgetUsedUpForMs: 0 }

@Controller('health')
class HealthController {
  constructor(
    @Inject(HealthCheckService) readonly health: HealthCheckService,
    @Inject(EvergrantHealthIndicator) readonly evergrant: EvergrantHealthIndicator,
    @Inject(EvergrantHealthIndicator.of('second')) readonly second: EvergrantHealthIndicator,
  ) {}

  @Get()
  check() {
    return this.health.check([() => this.evergrant.check(), () => this.second.check('second')])
  }
}

async function kill({ elsewhere, server }: World, grantId: string): Promise<void> {
  await elsewhere.saveGrant(grantId, { refresh_token: 'spent long ago', access_token: 'x' })
  await elsewhere.getAccessToken(grantId, { forceRefresh: true }).catch(() => {})
  expect(server.ledger.tokenRequests().at(-1)?.status).toBe(401)
}

describe.each(platformNames)('the health check of terminus on %s', (platform) => {
  async function start(changes: Partial<TokenStore> = {}) {
    const [world, second] = [await startWorld(), await startWorld()]
    const store = { ...world.store, ...changes }
    const { url, logged } = await startApp(platform, {
      imports: [
        TerminusModule.forRoot({ logger: false }),
        EvergrantModule.forRoot({ ...world.options, store }),
        EvergrantModule.forRoot({ ...second.options, name: 'second' }),
      ],
      controllers: [HealthController],
      providers: [EvergrantHealthIndicator, EvergrantHealthIndicator.of('second')],
    })
    return { world, second, logged, check: () => fetch(`${url}/health`) }
  }

  it('is ok while the stores answer, and counts the grants that need attention', async () => {
    const { world, second, check } = await start()
    const fine = { ...noPause, status: 'up', grantsNeedingAttention: 0, moreNeedAttention: false }
    const response = await check()
    expect(response.status).toBe(200)
    expect(await response.json()).toMatchObject({
      status: 'ok',
      info: { evergrant: fine, second: fine },
      error: {},
    })
    await kill(world, 'agency')
    await kill(second, 'agency')
    await kill(second, 'other')
    expect(await (await check()).json()).toMatchObject({
      status: 'ok',
      info: { evergrant: { grantsNeedingAttention: 1 }, second: { grantsNeedingAttention: 2 } },
    })
  })

  it('is an error when a store is away, without a word of why that could hold a secret', async () => {
    const { check, logged } = await start({
      list: () => Promise.reject(new Error('postgres://user:secret@host')),
    })
    const response = await check()
    expect(response.status).toBe(503)
    const text = await response.text()
    expect(JSON.parse(text)).toMatchObject({
      status: 'error',
      error: { evergrant: { status: 'down', code: 'store_unavailable', message: expect.any(String) } },
      info: { second: { status: 'up' } },
    })
    expect(text + logged()).not.toContain('secret')
  })
})

it('counts to a hundred, and says that there are more', async () => {
  const { elsewhere, store } = await startWorld()
  const grant = {
    ...(await store.list({ provider: elsewhere.provider, limit: 1 })).records[0]!,
    state: 'dead' as const,
  }
  const many: TokenStore['list'] = async ({ limit }) => ({
    records: Array(limit).fill(grant),
    next: 'agency',
  })
  const { options } = await startWorld({ store: { ...store, list: many } })
  const { app } = await startApp('express', {
    imports: [EvergrantModule.forRoot(options)],
    providers: [EvergrantHealthIndicator],
  })
  const result: EvergrantHealth<'tokens'> = await app.get(EvergrantHealthIndicator).check('tokens')
  expect(result).toEqual({
    tokens: { ...noPause, status: 'up', grantsNeedingAttention: 100, moreNeedAttention: true },
  })
  // Structurally what terminus takes.
  const taken: HealthIndicatorResult<'tokens'> = result
  expect(taken.tokens.status).toBe('up')
})

it('is down once the manager is closed; a defect is not taken for an illness', async () => {
  const { elsewhere: tokens } = await startWorld()
  const { app } = await startApp('express', {
    imports: [EvergrantModule.forRoot({ tokens })],
    providers: [EvergrantHealthIndicator],
  })
  const indicator = app.get(EvergrantHealthIndicator)
  await tokens.close()
  expect(await indicator.check()).toMatchObject({ evergrant: { status: 'down', code: 'closed' } })
  tokens.health = () => Promise.reject(new TypeError('a defect'))
  await expect(indicator.check()).rejects.toThrow('a defect')
})
