import { inspect } from 'node:util'
import type { Fault } from '@evergrant/testing'
import { Controller, Get, Inject, type LoggerService, UseGuards } from '@nestjs/common'
import { APP_FILTER, SerializedGraph } from '@nestjs/core'
import { Test } from '@nestjs/testing'
import { describe, expect, it } from 'vitest'
import {
  CurrentGrant,
  EvergrantConnectModule,
  EvergrantExceptionFilter,
  EvergrantHealthIndicator,
  EvergrantModule,
  GrantGuard,
  getTokenManagerOptionsToken,
  getTokenManagerToken,
  type RequestGrant,
} from '../src/index.js'
import { cleanUp, platformNames, platforms, startWorld } from './world.js'

const connectSecret = 'a canary among secrets that seals the flows'

/** All that a value shows, to whoever prints it in whatever way. */
function printed(value: unknown): string {
  const shown = inspect(value, { depth: 12, showHidden: true, maxStringLength: null, maxArrayLength: null })
  return `${shown} ${String(value)} ${value instanceof Error ? value.stack : ''} ${JSON.stringify(value) ?? ''}`
}

function printingLogger(): LoggerService & { readonly lines: string[] } {
  const lines: string[] = []
  const write = (...what: unknown[]): void => void lines.push(...what.map(printed))
  return { lines, log: write, error: write, warn: write, fatal: write, debug: write, verbose: write }
}

@Controller()
class ApiController {
  constructor(
    @Inject('API') readonly api: string,
    @Inject(EvergrantHealthIndicator) readonly health: EvergrantHealthIndicator,
  ) {}

  @Get()
  @UseGuards(GrantGuard)
  async get(@CurrentGrant() grant: RequestGrant) {
    return (await grant.fetch(this.api)).json()
  }

  @Get('throws')
  async throws(@CurrentGrant() grant: RequestGrant) {
    const token = await grant.getAccessToken()
    throw Object.assign(new Error(`with ${String(token)}`), { shown: printed({ grant, token }) })
  }

  @Get('health')
  check() {
    return this.health.check()
  }
}

const faults: Readonly<Record<string, Fault>> = {
  'a lost reply': { kind: 'cut', when: 'after' },
  'a reply cut in the middle': { kind: 'cut', at: 'in-body' },
  'half a reply': { kind: 'truncated-json' },
  'a reply that is no JSON': { kind: 'malformed-json' },
  'a page of HTML': { kind: 'html' },
  'a reply without an access token': { kind: 'missing-access-token' },
  'a refusal with 200': { kind: 'refused-with-200' },
  'a wrong client': { kind: 'invalid-client' },
  'a throttled endpoint': { kind: 'throttled', retryAfterMs: 90_000, retryAfterFormat: 'seconds' },
  'an outage': { kind: 'status', status: 503 },
}

describe.each(platformNames)('on %s no token and no secret', (platform) => {
  it.each([true, false].flatMap((filter) => Object.keys(faults).map((name) => [name, filter] as const)))(
    'gets out by %s (filter: %s)',
    async (name, filter) => {
      const world = await startWorld({ timeoutMs: 300 })
      const log = printingLogger()
      const module = await Test.createTestingModule({
        imports: [
          EvergrantModule.forRoot({ ...world.options, grantId: () => 'agency', connectUrl: '/connect' }),
          EvergrantConnectModule.forRoot({
            redirectUri: 'http://127.0.0.1:1/connect/callback',
            secret: connectSecret,
          }),
        ],
        controllers: [ApiController],
        providers: [
          { provide: 'API', useValue: world.server.apiUrl },
          EvergrantHealthIndicator,
          ...(filter ? [{ provide: APP_FILTER, useClass: EvergrantExceptionFilter }] : []),
        ],
      })
        .setLogger(log)
        .compile()
      const options = { logger: log, forceCloseConnections: true }
      const app = module.createNestApplication(platforms[platform](options), options)
      cleanUp(() => app.close())
      await app.listen(0, '127.0.0.1')
      const url = await app.getUrl()
      const answers: string[] = []
      const ask = async (path: string) => {
        const response = await fetch(url + path, { redirect: 'manual' })
        answers.push(
          await response.text(),
          ...response.headers.getSetCookie().map((cookie) => cookie.slice(0, 60)),
        )
        return response.status
      }
      expect(await ask('/')).toBe(200)
      expect(await ask('/throws')).toBe(500)
      await ask('/health')
      const begun = await fetch(`${url}/connect`, { redirect: 'manual' })
      const callback = await fetch(begun.headers.get('location') ?? '', { redirect: 'manual' })
      const { pathname, search, searchParams } = new URL(callback.headers.get('location') ?? '')
      const cookie = begun.headers
        .getSetCookie()
        .map((one) => one.split(';')[0])
        .join('; ')

      await world.saveExpired('agency')
      world.server.faults.add({ ...(faults[name] as Fault), times: 5 })
      expect(await ask('/')).toBeGreaterThan(200)
      answers.push(await (await fetch(url + pathname + search, { headers: { cookie } })).text())
      await app.close()

      const tokens = app.get<object>(getTokenManagerToken())
      const objects = [
        tokens,
        app.get<object>(EvergrantHealthIndicator),
        app.get<object>(getTokenManagerOptionsToken()),
      ]
      const out = [
        ...answers,
        ...log.lines,
        ...objects.map(printed),
        app.get(SerializedGraph).toString(),
      ].join('\n')
      expect(out).toContain('AccessToken gen')
      const canaries = [...world.secrets(), connectSecret, searchParams.get('code') ?? 'no code']
      expect(canaries.length).toBeGreaterThan(4)
      for (const canary of canaries) expect(out.includes(canary)).toBe(false)
    },
  )
})

it('a canary is found where nothing hides it: the measure works', async () => {
  const { elsewhere, secrets } = await startWorld()
  const token = await elsewhere.getAccessToken('agency')
  expect(printed({ token: token.reveal() })).toContain(secrets()[1])
})
