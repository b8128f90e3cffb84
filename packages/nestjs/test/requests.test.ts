import { once } from 'node:events'
import type { ServerResponse } from 'node:http'
import { EvergrantError, type TokenManager } from '@evergrant/core'
import {
  Body,
  Controller,
  type ExecutionContext,
  Get,
  HttpException,
  Inject,
  Param,
  Post,
  Query,
  Res,
  type Type,
  UseFilters,
  UseGuards,
} from '@nestjs/common'
import { APP_FILTER } from '@nestjs/core'
import { describe, expect, it } from 'vitest'
import {
  CurrentGrant,
  EvergrantExceptionFilter,
  EvergrantModule,
  type EvergrantModuleExtras,
  type EvergrantModuleOptions,
  GrantGuard,
  GrantId,
  InjectTokenManager,
  type RequestGrant,
} from '../src/index.js'
import { platformNames, startApp, startWorld, type World } from './world.js'

interface AccountRequest {
  readonly headers: Record<string, string | undefined>
}

const accountOf = (context: ExecutionContext) =>
  context.switchToHttp().getRequest<AccountRequest>().headers['x-account']

const API = 'API'

@Controller()
class AccountController {
  constructor(
    @InjectTokenManager() readonly tokens: TokenManager,
    @Inject(API) readonly api: string,
  ) {}

  @Get('countries')
  @UseGuards(GrantGuard)
  async countries(@CurrentGrant() grant: RequestGrant, @Query('page') page?: string) {
    const response = await grant.fetch(`${this.api}/countries?page=${page ?? ''}`)
    return { status: response.status, api: await response.json() }
  }

  @Post('trips')
  @UseGuards(GrantGuard)
  async trips(@CurrentGrant() grant: RequestGrant, @Body() trip: unknown) {
    const init = { method: 'POST', body: JSON.stringify(trip), signal: new AbortController().signal }
    const response = await grant.fetch(new Request(`${this.api}/trips`, init))
    return { status: response.status, api: await response.json() }
  }

  @Get('id')
  id(@GrantId() id: string) {
    return { id }
  }

  @Get('status')
  async status(@CurrentGrant() grant: RequestGrant) {
    return { id: grant.id, same: grant.tokens === this.tokens, status: (await grant.status()) ?? null }
  }

  @Get('token')
  async token(@CurrentGrant() grant: RequestGrant, @Query('force') force?: string) {
    const token = await grant.getAccessToken(force ? { forceRefresh: true } : undefined)
    return { token: String(token), json: token }
  }

  @Get('throws/:code')
  throws(@Param('code') code: EvergrantError['code'], @Query('after') after?: string): never {
    throw new EvergrantError(code, 'told to', {
      grantId: 'agency',
      reason: 'for_a_test',
      retryAfterMs: after ? Number(after) : undefined,
    })
  }

  @Get('begun')
  begun(@Res() response: ServerResponse & { readonly raw?: ServerResponse }): never {
    ;(response.raw ?? response).write('some')
    throw new EvergrantError('TIMEOUT', 'after the answer began')
  }

  @Get('others/:which')
  others(@Param('which') which: string): never {
    if (which === 'http') throw new HttpException({ own: 'answer' }, 418)
    throw new Error('not ours')
  }
}

interface Extras extends EvergrantModuleExtras {
  readonly controllers?: Type[]
  readonly filter?: boolean
}

const connectUrl = '/connect?returnTo=%2F'

async function start(
  platform: (typeof platformNames)[number],
  world: World,
  { controllers = [AccountController], filter = true, ...extras }: Extras = {},
  options: EvergrantModuleOptions = world.options,
) {
  const grantId = ({ context }: { context: ExecutionContext }) => accountOf(context)
  const { url, logged, app } = await startApp(platform, {
    imports: [EvergrantModule.forRoot({ ...options, grantId, connectUrl, ...extras })],
    controllers,
    providers: [
      { provide: API, useValue: `${world.server.origin}/api` },
      ...(filter ? [{ provide: APP_FILTER, useClass: EvergrantExceptionFilter }] : []),
    ],
  })
  const request = (path: string, init: RequestInit = {}) =>
    fetch(`${url}${path}`, {
      headers: { 'x-account': 'agency', 'content-type': 'application/json' },
      ...init,
    })
  return { app, url, logged, request }
}

describe.each(platformNames)('on %s', (platform) => {
  it('a request is served with the token of its grant', async () => {
    const world = await startWorld()
    const { request } = await start(platform, world)
    const response = await request('/countries?page=2')
    expect(await response.json()).toMatchObject({
      status: 200,
      api: { path: '/api/countries', query: { page: '2' }, sub: 'agency' },
    })
    const other = await request('/countries', { headers: { 'x-account': 'other' } })
    expect(await other.json()).toMatchObject({ api: { sub: 'other' } })
    expect(world.server.ledger.tokenRequests()).toHaveLength(0)
  })

  it('200 requests in flight on the old token while it rotates: all 200, one rotation, each body once', async () => {
    const world = await startWorld()
    const { request } = await start(platform, world)
    const gate = world.server.gate({ path: 'api' })
    const all = Array.from({ length: 200 }, (_, trip) =>
      request('/trips', { method: 'POST', body: JSON.stringify({ trip }) }),
    )
    await gate.arrived(200)
    await world.elsewhere.getAccessToken('agency', { forceRefresh: true })
    gate.open()
    const answers = await Promise.all(all.map(async (one) => (await one).json()))
    expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([200]))
    const trips = answers.map(({ api }) => api.body.trip).sort((a, b) => a - b)
    expect(trips).toEqual(Array.from({ length: 200 }, (_, trip) => trip))
    expect(world.server.ledger.rotations()).toHaveLength(1)
    expect(world.server.ledger.apiRequests({ decision: 'ok' })).toHaveLength(200)
  }, 60_000)

  it('@GrantId, status and getAccessToken of @CurrentGrant are those of the request', async () => {
    const world = await startWorld()
    const { request } = await start(platform, world)
    expect(await (await request('/id')).json()).toEqual({ id: 'agency' })
    expect(await (await request('/status')).json()).toMatchObject({
      id: 'agency',
      same: true,
      status: { state: 'live', generation: 1 },
    })
    const unknown = await request('/status', { headers: { 'x-account': 'nobody' } })
    expect(await unknown.json()).toMatchObject({ status: null })
    expect((await (await request('/token')).json()).token).toContain('AccessToken gen 1')
    expect((await (await request('/token?force=1')).json()).json).toContain('AccessToken gen 2')
  })

  it('GrantGuard rotates an expired token before the handler runs', async () => {
    const world = await startWorld()
    await world.saveExpired('agency')
    const { request } = await start(platform, world)
    expect((await request('/countries')).status).toBe(200)
    expect(world.server.ledger.rotations()).toHaveLength(1)
  })

  describe('EvergrantExceptionFilter answers', () => {
    it('401 with a link to connect again when there is no grant, or it is dead', async () => {
      const world = await startWorld()
      const { request, logged } = await start(platform, world)
      const missing = await request('/countries', { headers: { 'x-account': 'nobody' } })
      expect(missing.status).toBe(401)
      expect(missing.headers.get('content-type')).toMatch(/^application\/problem\+json(;|$)/)
      expect(missing.headers.get('cache-control')).toBe('no-store')
      expect(await missing.json()).toMatchObject({
        type: expect.any(String),
        status: 401,
        code: 'grant_not_found',
        title: expect.any(String),
        detail: expect.any(String),
        connect: connectUrl,
      })
      world.server.revokeFamily(await familyOf(world, 'agency'))
      await world.elsewhere.getAccessToken('agency', { forceRefresh: true }).catch(() => {})
      const dead = await request('/countries')
      expect({ status: dead.status, ...(await dead.json()) }).toMatchObject({
        status: 401,
        code: 'reauthorization_required',
        connect: connectUrl,
      })
      expect(logged()).toBe('')
    })

    it('401 when nobody is logged in', async () => {
      const { request } = await start(platform, await startWorld())
      for (const path of ['/countries', '/id', '/status']) {
        const response = await request(path, { headers: {} })
        expect({ status: response.status, ...(await response.json()) }).toMatchObject({
          status: 401,
          code: 'grant_not_found',
          connect: connectUrl,
        })
      }
    })

    it('503 with Retry-After, and without a link', async () => {
      const world = await startWorld()
      const { request } = await start(platform, world)
      world.server.faults.add({ kind: 'throttled', retryAfterMs: 60_000, retryAfterFormat: 'seconds' })
      const throttled = await request('/token?force=1')
      expect(throttled.status).toBe(503)
      expect(Number(throttled.headers.get('retry-after'))).toBeGreaterThan(50)
      expect(await throttled.json()).not.toHaveProperty('connect')
      const seconds = await request('/throws/PROVIDER_UNAVAILABLE?after=1500')
      expect(seconds.headers.get('retry-after')).toBe('2')
      expect((await request('/throws/STORE_UNAVAILABLE')).headers.get('retry-after')).toBeNull()
    })

    it('504 when time ran out', async () => {
      const world = await startWorld()
      const { request } = await start(platform, world, {}, { ...world.options, timeoutMs: 40 })
      world.server.faults.add({ kind: 'hang' })
      const response = await request('/token?force=1')
      expect({ status: response.status, ...(await response.json()) }).toMatchObject({
        code: 'timeout',
        status: 504,
      })
      world.server.faults.release()
    })

    it('nothing that would tell of grants or causes', async () => {
      const { request } = await start(platform, await startWorld())
      const text = await (await request('/throws/CLIENT_REJECTED')).text()
      expect(text).not.toMatch(/agency|for_a_test|told to|stack/)
    })

    it('leaves everything else to Nest', async () => {
      const { request, logged } = await start(platform, await startWorld())
      const http = await request('/others/http')
      expect({ status: http.status, ...(await http.json()) }).toEqual({ status: 418, own: 'answer' })
      const unknown = await request('/others/unknown')
      expect(await unknown.json()).toEqual({ statusCode: 500, message: 'Internal server error' })
      expect(logged()).toContain('not ours')
      expect((await request('/no/such/route')).status).toBe(404)
    })

    it('by a function of the request and the error where the link depends on them', async () => {
      const { request } = await start(platform, await startWorld(), {
        connectUrl: ({ host, error }) => `/connect/${host.getArgs().length > 1}/${error.code}`,
      })
      const response = await request('/countries', { headers: {} })
      expect(await response.json()).toMatchObject({ connect: '/connect/true/GRANT_NOT_FOUND' })
    })
  })

  it('without the filter the guard still lets nobody in', async () => {
    const { request } = await start(platform, await startWorld(), { filter: false })
    const response = await request('/countries', { headers: {} })
    expect({ status: response.status, ...(await response.json()) }).toEqual({
      status: 500,
      statusCode: 500,
      message: 'Internal server error',
    })
  })

  it('a resolver may wait, and ask the application’s own providers', async () => {
    const world = await startWorld()
    const { request } = await start(platform, world, {
      grantId: async ({ moduleRef }) => {
        await new Promise(setImmediate)
        return moduleRef.get<string>(API, { strict: false }).includes('/api') ? 'other' : undefined
      },
    })
    expect(await (await request('/id')).json()).toEqual({ id: 'other' })
  })

  it.each([
    ['a number', 42],
    ['an object', { id: 'agency' }],
    ['nothing between quotes', ''],
    ['control characters', 'a\u0000b'],
  ])('a resolver that gives %s is a defect: 500, said in the log, not a token for anyone', async (_, id) => {
    const { request, logged } = await start(platform, await startWorld(), { grantId: () => id as never })
    const response = await request('/countries')
    expect(response.status).toBe(500)
    expect(logged()).toContain("option 'grantId'")
  })

  it('what a resolver throws is Nest’s affair', async () => {
    const { request } = await start(platform, await startWorld(), {
      grantId: () => {
        throw new HttpException('log in first', 403)
      },
    })
    for (const path of ['/countries', '/id', '/status']) expect((await request(path)).status).toBe(403)
  })

  it('a manager that was closed: 503', async () => {
    const world = await startWorld()
    const { elsewhere: tokens } = world
    const { request } = await start(platform, world, {}, { tokens })
    await tokens.close()
    const response = await request('/countries')
    expect({ status: response.status, ...(await response.json()) }).toMatchObject({
      status: 503,
      code: 'closed',
    })
  })

  it.each(['/token?force=1', '/countries'])(
    'a client that goes away ends its wait, nobody’s rotation, and leaves no trace in the log (%s)',
    async (path) => {
      const world = await startWorld()
      await world.saveExpired('agency')
      const { request, logged } = await start(platform, world)
      const gate = world.server.gate({ path: 'token' })
      const controller = new AbortController()
      const gone = request(path, { signal: controller.signal })
      await gate.arrived()
      const stays = request('/countries')
      controller.abort()
      await expect(gone).rejects.toThrow()
      gate.open()
      expect((await stays).status).toBe(200)
      expect(world.server.ledger.rotations()).toHaveLength(1)
      expect(logged()).toBe('')
    },
  )

  it('a client that went away while its grant was looked up is not waited for', async () => {
    const world = await startWorld()
    await world.saveExpired('agency')
    let lookedUp = (): void => {}
    const looking = new Promise<void>((resolve) => {
      lookedUp = resolve
    })
    const { request, logged } = await start(platform, world, {
      async grantId({ context }) {
        const response = context
          .switchToHttp()
          .getResponse<ServerResponse & { readonly raw?: ServerResponse }>()
        lookedUp()
        await once(response.raw ?? response, 'close')
        return 'agency'
      },
    })
    const controller = new AbortController()
    const gone = request('/token', { signal: controller.signal })
    await looking
    controller.abort()
    await expect(gone).rejects.toThrow()
    expect(logged()).toBe('')
    expect(world.server.ledger.tokenRequests()).toHaveLength(0)
  })

  it('an answer that has begun is ended, not begun again', async () => {
    const { request, logged } = await start(platform, await startWorld())
    const response = await request('/begun')
    expect([response.status, await response.text()]).toEqual([200, 'some'])
    expect(logged()).toBe('')
  })

  it('a client that goes away aborts the request to the API that it waits for', async () => {
    const world = await startWorld()
    const { request, logged } = await start(platform, world)
    const gate = world.server.gate({ path: 'api' })
    const controller = new AbortController()
    const gone = request('/countries', { signal: controller.signal })
    await gate.arrived()
    controller.abort()
    await expect(gone).rejects.toThrow()
    await expect.poll(() => world.server.ledger.apiRequests()[0]?.clientGone).toBe(true)
    gate.open()
    expect(logged()).toBe('')
  })
})

describe('several managers in one application', () => {
  it('have guard, decorators and filter of their own', async () => {
    const [one, two] = [await startWorld(), await startWorld()]
    await two.elsewhere.saveGrant('second', two.server.issueGrant({ sub: 'second' }))
    @Controller('two')
    @UseFilters(EvergrantExceptionFilter.of('two'))
    class SecondController {
      @Get()
      @UseGuards(GrantGuard.of('two'))
      async get(@CurrentGrant('two') grant: RequestGrant, @GrantId('two') id: string) {
        const response = await grant.fetch(`${two.server.origin}/api/x`)
        return { id, api: await response.json() }
      }
    }
    const { url } = await startApp('express', {
      imports: [
        EvergrantModule.forRoot({ ...one.options, grantId: ({ context }) => accountOf(context), connectUrl }),
        EvergrantModule.forRoot({
          ...two.options,
          name: 'two',
          grantId: ({ context }) => accountOf(context),
          connectUrl: '/connect/two',
        }),
      ],
      controllers: [AccountController, SecondController],
      providers: [
        { provide: API, useValue: `${one.server.origin}/api` },
        { provide: APP_FILTER, useClass: EvergrantExceptionFilter },
      ],
    })
    const ask = async (path: string, account: string) =>
      (await fetch(`${url}${path}`, { headers: { 'x-account': account } })).json()
    expect(await ask('/two', 'second')).toMatchObject({ id: 'second', api: { sub: 'second' } })
    expect(await ask('/countries', 'agency')).toMatchObject({ api: { sub: 'agency' } })
    expect(await ask('/two', 'nobody')).toMatchObject({ connect: '/connect/two' })
    expect(await ask('/countries', 'second')).toMatchObject({ connect: connectUrl })
    expect(GrantGuard.of('two')).toBe(GrantGuard.of('two'))
    expect(EvergrantExceptionFilter.of('two')).toBe(EvergrantExceptionFilter.of('two'))
  })
})

@Controller()
class Guarded {
  @Get()
  @UseGuards(GrantGuard)
  get(): void {}
}

@Controller()
class WithId {
  @Get()
  get(@GrantId() _: string): void {}
}

@Controller()
class WithGrant {
  @Get()
  get(@CurrentGrant() _: RequestGrant): void {}
}

it.each([Guarded, WithId, WithGrant])(
  '%o without a resolver: the application does not start',
  async (one) => {
    const { options } = await startWorld()
    const started = startApp('express', { imports: [EvergrantModule.forRoot(options)], controllers: [one] })
    await expect(started.then(() => 'started')).rejects.toThrow(/option 'grantId' is missing/)
  },
)

async function familyOf({ elsewhere, server }: World, grantId: string): Promise<string> {
  return server.familyOf((await elsewhere.getAccessToken(grantId)).reveal()) ?? ''
}
