import 'reflect-metadata'
import type { TokenStore } from '@evergrant/core'
import { memoryStore } from '@evergrant/core'
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
} from '@evergrant/nestjs'
import { Controller, Get, Inject, Module, type Type, UseGuards } from '@nestjs/common'
import { APP_FILTER, NestFactory, SerializedGraph } from '@nestjs/core'
import { ask } from '../ask.js'
import { echoes } from '../echo-server.js'
import type { Kind, Scene } from '../scene.js'
import { GRANT, openWorld, type World } from '../world.js'

@Controller()
class ApiController {
  constructor(
    @Inject('API') readonly api: string,
    @Inject(EvergrantHealthIndicator) readonly health: EvergrantHealthIndicator,
  ) {}

  @Get()
  @UseGuards(GrantGuard)
  async get(@CurrentGrant() grant: RequestGrant) {
    return { status: (await grant.fetch(this.api)).status }
  }

  @Get('throws')
  async throws(@CurrentGrant() grant: RequestGrant) {
    const token = await grant.getAccessToken()
    throw Object.assign(new Error(`with ${String(token)}`), { grant, token })
  }

  @Get('health')
  check() {
    return this.health.check()
  }
}

/** A real application with Nest's own logger, which prints what nobody handles. */
async function openApp(
  scene: Scene,
  handled: boolean,
  store: TokenStore,
): Promise<World & { readonly url: string }> {
  const world = await openWorld(scene, { store })
  const { provider, server } = world
  const options = { provider, store, grantId: () => GRANT, connectUrl: '/connect', timeoutMs: 700 }
  const timings = { requestTimeoutMs: 300, leaseMs: 400, armedLeaseMs: 900, settleMs: 50 }
  const filter = handled ? [{ provide: APP_FILTER, useClass: EvergrantExceptionFilter }] : []
  @Module({
    imports: [
      EvergrantModule.forRoot({ ...options, timings }),
      EvergrantConnectModule.forRoot({
        redirectUri: 'http://127.0.0.1:1/connect/callback',
        secret: scene.canaries.plant('cookie key'),
      }),
    ],
    controllers: [ApiController],
    providers: [{ provide: 'API', useValue: `${server.origin}/api` }, EvergrantHealthIndicator, ...filter],
  })
  class AppModule {}
  const app = await NestFactory.create(AppModule as Type, { forceCloseConnections: true })
  scene.atEnd(async () => {
    scene.see('graph', app.get(SerializedGraph).toString())
    for (const token of [getTokenManagerToken(), getTokenManagerOptionsToken(), EvergrantHealthIndicator])
      scene.see('provider of Nest', app.get<object>(token))
    await app.close()
  })
  await app.listen(0, '127.0.0.1')
  return { ...world, url: await app.getUrl() }
}

const chosen = [
  'a refusal that quotes',
  'an error with a description that quotes',
  'a wrong client that quotes',
  'an outage that quotes',
  'too many requests, quoted',
  'a connection that is cut',
  'no HTTP at all, but a quote',
]

const requests = chosen.flatMap((name) =>
  [true, false].map(
    (handled): Kind => ({
      area: 'nestjs',
      name: `${handled ? 'our filter' : "Nest's own filter and logger"}: the token endpoint gives ${name}`,
      async run(scene) {
        const { server, url } = await openApp(scene, handled, memoryStore())
        server.answers.api = (_, reply) => void reply.writeHead(401).end('{}')
        server.answers.token = echoes[name] ?? server.answers.token
        for (const path of ['/', '/throws', '/health']) await ask(scene, url + path)
      },
    }),
  ),
)

const others: Kind[] = [
  {
    area: 'nestjs',
    name: 'a store that fails with all that it was given',
    async run(scene) {
      const good = memoryStore()
      let broken = false
      const fail = (request: unknown): Promise<never> =>
        Promise.reject(Object.assign(new Error(JSON.stringify(request)), { request }))
      const store: TokenStore = {
        ...good,
        load: (request) => (broken ? fail(request) : good.load(request)),
        list: (request) => (broken ? fail(request) : good.list(request)),
      }
      const { url } = await openApp(scene, false, store)
      broken = true
      for (const path of ['/', '/throws', '/health']) await ask(scene, url + path)
      broken = false
    },
  },
  {
    area: 'nestjs',
    name: 'a callback that is forged',
    async run(scene) {
      const { url } = await openApp(scene, true, memoryStore())
      const code = scene.canaries.plant('code')
      const state = scene.canaries.plant('state')
      await ask(
        scene,
        `${url}/connect/callback?code=${encodeURIComponent(code)}&state=${encodeURIComponent(state)}`,
      )
    },
  },
  {
    area: 'nestjs',
    name: 'options that are wrong',
    async run(scene) {
      const secret = scene.canaries.plant('client secret')
      @Module({
        imports: [
          EvergrantModule.forRoot({ provider: { clientSecret: secret } as never, store: memoryStore() }),
        ],
      })
      class WrongModule {}
      await scene.fails(NestFactory.create(WrongModule as Type, { abortOnError: false }))
    },
  },
]

export const nestKinds: readonly Kind[] = [...requests, ...others]
