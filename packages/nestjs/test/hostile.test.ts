import { connect, constants } from 'node:http2'
import { text } from 'node:stream/consumers'
import { EvergrantError, type TokenManager } from '@evergrant/core'
import {
  Controller,
  Get,
  Injectable,
  Module,
  type PipeTransform,
  Post,
  Scope,
  UseGuards,
} from '@nestjs/common'
import { APP_FILTER, APP_GUARD, APP_PIPE, NestFactory, REQUEST } from '@nestjs/core'
import {
  ClientProxyFactory,
  MessagePattern,
  type MicroserviceOptions,
  Transport,
} from '@nestjs/microservices'
import { FastifyAdapter } from '@nestjs/platform-fastify'
import { Test } from '@nestjs/testing'
import { firstValueFrom } from 'rxjs'
import { describe, expect, it } from 'vitest'
import {
  CurrentGrant,
  EvergrantConnectModule,
  EvergrantExceptionFilter,
  EvergrantModule,
  GrantGuard,
  GrantId,
  getTokenManagerToken,
  InjectTokenManager,
  type RequestGrant,
  SkipGrantGuard,
} from '../src/index.js'
import { cleanUp, platformNames, recordingLogger, startApp, startWorld } from './world.js'

const secret = 'a secret of at least thirty-two characters'
const redirectUri = 'http://127.0.0.1:1/connect/callback'

describe.each(platformNames)('on %s', (platform) => {
  it('a guard of the whole application leaves the connect routes and what is marked open, and nothing else', async () => {
    @Controller()
    @SkipGrantGuard()
    class OpenController {
      @Get('open')
      open(): string {
        return 'open'
      }

      @Get('shut')
      @SkipGrantGuard(false)
      shut(): string {
        return 'shut'
      }
    }
    @Controller()
    class OtherController {
      @Get('other')
      other(): string {
        return 'other'
      }
    }
    const { options } = await startWorld()
    const { url } = await startApp(platform, {
      imports: [
        EvergrantModule.forRoot({ ...options, grantId: () => 'nobody' }),
        EvergrantConnectModule.forRoot({ redirectUri, secret }),
      ],
      controllers: [OpenController, OtherController],
      providers: [
        { provide: APP_GUARD, useClass: GrantGuard },
        { provide: APP_FILTER, useClass: EvergrantExceptionFilter },
      ],
    })
    const status = async (path: string) => (await fetch(url + path, { redirect: 'manual' })).status
    expect(await status('/connect')).toBe(302)
    expect(await status('/connect/callback')).toBe(400)
    expect(await status('/open')).toBe(200)
    expect(await status('/shut')).toBe(401)
    expect(await status('/other')).toBe(401)
  })

  it('controllers of request scope have guard and decorators', async () => {
    @Controller({ scope: Scope.REQUEST })
    class ScopedController {
      constructor(@InjectTokenManager() readonly tokens: TokenManager) {}

      @Get()
      @UseGuards(GrantGuard)
      get(@CurrentGrant() grant: RequestGrant, @GrantId() id: string) {
        return { id, same: grant.tokens === this.tokens }
      }
    }
    const { options } = await startWorld()
    const { url } = await startApp(platform, {
      imports: [EvergrantModule.forRoot({ ...options, grantId: () => 'agency' })],
      controllers: [ScopedController],
    })
    expect(await (await fetch(url)).json()).toEqual({ id: 'agency', same: true })
  })

  it('a connectUrl that throws is a defect: 500, said in the log, and nothing hangs', async () => {
    @Controller()
    class FailingController {
      @Get()
      get(): never {
        throw new EvergrantError('REAUTHORIZATION_REQUIRED', 'dead')
      }
    }
    const { options } = await startWorld()
    const { url, logged } = await startApp(platform, {
      imports: [
        EvergrantModule.forRoot({
          ...options,
          connectUrl: () => {
            throw new Error('a defect in connectUrl')
          },
        }),
      ],
      controllers: [FailingController],
      providers: [{ provide: APP_FILTER, useClass: EvergrantExceptionFilter }],
    })
    const response = await fetch(url, { signal: AbortSignal.timeout(3_000) })
    expect(response.status).toBe(500)
    expect(logged()).toContain('a defect in connectUrl')
  })

  it('a pipe of the whole application that is careful with what it does not know changes nothing', async () => {
    @Injectable()
    class Trim implements PipeTransform {
      transform(value: unknown): unknown {
        return typeof value === 'string' ? value.trim() : value
      }
    }
    @Controller()
    class PipedController {
      @Post()
      post(@GrantId() id: string): string {
        return id
      }
    }
    const { options } = await startWorld()
    const { url } = await startApp(platform, {
      imports: [EvergrantModule.forRoot({ ...options, grantId: () => 'agency' })],
      controllers: [PipedController],
      providers: [{ provide: APP_PIPE, useClass: Trim }],
    })
    expect(await (await fetch(url, { method: 'POST' })).text()).toBe('agency')
  })
})

// Nest 11 waits for ever for any circle of factories.
it.skipIf(process.env.NEST === '11')(
  'options that need the manager they make: the application does not start',
  async () => {
    const { options } = await startWorld()
    @Injectable()
    class Settings {
      constructor(@InjectTokenManager() readonly tokens: TokenManager) {}
    }
    class SettingsModule {}
    Module({ imports: [EvergrantModule.forFeature()], providers: [Settings], exports: [Settings] })(
      SettingsModule,
    )
    const compiled = Test.createTestingModule({
      imports: [
        EvergrantModule.forRootAsync({
          imports: [SettingsModule],
          inject: [Settings],
          useFactory: (settings: Settings) => ({ ...options, onEvent: () => settings.tokens }),
        }),
      ],
    })
      .setLogger(recordingLogger())
      .compile()
    await expect(compiled).rejects.toThrow(/circular|undefined|resolve/i)
  },
)

it('options that depend on the request: the application does not start, instead of a manager for each request', async () => {
  const { options } = await startWorld()
  const perRequest = { inject: [REQUEST], useFactory: (_: unknown) => options }
  const manager = startApp('express', { imports: [EvergrantModule.forRootAsync(perRequest)] })
  await expect(manager.then(() => 'started')).rejects.toThrow(
    /manager 'default' must not depend on .* request scope/,
  )
  const connect = startApp('express', {
    imports: [
      EvergrantModule.forRoot({ ...options, grantId: () => 'agency' }),
      EvergrantConnectModule.forRootAsync({ inject: [REQUEST], useFactory: () => ({ redirectUri, secret }) }),
    ],
  })
  await expect(connect.then(() => 'started')).rejects.toThrow(/connect routes must not depend/)
})

it('errors of another copy of core are ours too', async () => {
  @Controller()
  class ForeignController {
    @Get()
    get(): never {
      const brand = { [Symbol.for('@evergrant/error')]: true }
      throw Object.assign(new Error('of another copy'), brand, { code: 'TIMEOUT' })
    }
  }
  const { options } = await startWorld()
  const { url } = await startApp('express', {
    imports: [EvergrantModule.forRoot(options)],
    controllers: [ForeignController],
    providers: [{ provide: APP_FILTER, useClass: EvergrantExceptionFilter }],
  })
  expect((await fetch(url)).status).toBe(504)
})

it('over HTTP/2 a request is served, and a client that resets its stream is waited for no longer', async () => {
  const { options, server, saveExpired } = await startWorld()
  const outcome: unknown[] = []
  @Controller()
  class ApiController {
    @Get()
    async get(@CurrentGrant() grant: RequestGrant) {
      const token = await grant.getAccessToken().catch((error: unknown) => {
        outcome.push(error)
        throw error
      })
      return { generation: token.generation, aborted: grant.signal?.aborted }
    }
  }
  class AppModule {}
  Module({
    imports: [EvergrantModule.forRoot({ ...options, grantId: () => 'agency' })],
    controllers: [ApiController],
  })(AppModule)
  const adapter = new FastifyAdapter({ http2: true } as never)
  const app = await NestFactory.create(AppModule, adapter, { logger: recordingLogger() })
  cleanUp(() => app.close())
  await app.listen(0, '127.0.0.1')
  const session = connect(await app.getUrl())
  cleanUp(() => session.destroy())
  const stream = session.request({ ':path': '/' })
  expect(JSON.parse(await text(stream))).toEqual({ generation: 1, aborted: false })

  await saveExpired('agency')
  const gate = server.gate({ path: 'token' })
  const reset = session.request({ ':path': '/' })
  await gate.arrived()
  reset.close(constants.NGHTTP2_CANCEL)
  await expect.poll(() => outcome).toEqual([expect.objectContaining({ status: 499 })])
  gate.open()
})

it('modules that Nest tells apart by their content are as many as their names', async () => {
  const [one, two] = [await startWorld(), await startWorld()]
  class AppModule {}
  Module({
    imports: [
      EvergrantModule.forRoot(one.options),
      EvergrantModule.forRoot({ ...two.options, name: 'two', isGlobal: true }),
      EvergrantModule.forFeature(),
    ],
  })(AppModule)
  const app = await NestFactory.createApplicationContext(AppModule, {
    logger: recordingLogger(),
    moduleIdGeneratorAlgorithm: 'deep-hash',
  })
  cleanUp(() => app.close())
  await app.get<TokenManager>(getTokenManagerToken('two')).getAccessToken('agency', { forceRefresh: true })
  await app.get<TokenManager>(getTokenManagerToken()).getAccessToken('agency')
  expect(one.server.ledger.rotations()).toHaveLength(0)
  expect(two.server.ledger.rotations()).toHaveLength(1)
})

it('a microservice without HTTP has guard, decorators and filter', async () => {
  @Controller()
  class Patterns {
    @MessagePattern('grant')
    @UseGuards(GrantGuard)
    id(@GrantId() id: string): string {
      return id
    }
  }
  const { options } = await startWorld()
  class AppModule {}
  Module({
    imports: [
      EvergrantModule.forRoot({
        ...options,
        grantId: ({ context }) => context.switchToRpc().getData<string>(),
      }),
    ],
    controllers: [Patterns],
    providers: [{ provide: APP_FILTER, useClass: EvergrantExceptionFilter }],
  })(AppModule)
  const socket = { host: '127.0.0.1', port: 0 }
  const app = await NestFactory.createMicroservice<MicroserviceOptions>(AppModule, {
    transport: Transport.TCP,
    options: socket,
    logger: recordingLogger(),
  })
  cleanUp(() => app.close())
  await app.listen()
  const server = app.unwrap<{ address(): { readonly port: number } }>()
  const client = ClientProxyFactory.create({
    transport: Transport.TCP,
    options: { ...socket, port: server.address().port },
  })
  cleanUp(() => client.close())
  expect(await firstValueFrom(client.send<string>('grant', 'agency'))).toBe('agency')
  await expect(firstValueFrom(client.send('grant', 'nobody'))).rejects.toMatchObject({ status: 'error' })
})

it.each([EvergrantModule, EvergrantConnectModule])('%o without a factory is told at once', (module) => {
  expect(() => module.forRootAsync({})).toThrow(`option 'useFactory' is missing`)
})
