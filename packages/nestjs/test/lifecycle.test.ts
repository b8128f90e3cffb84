import { EvergrantError, type TokenManager, type TokenStore } from '@evergrant/core'
import { type FakeClock, fakeClock } from '@evergrant/testing'
import {
  type BeforeApplicationShutdown,
  Controller,
  Get,
  Injectable,
  Module,
  type ModuleMetadata,
  type OnApplicationShutdown,
  type OnModuleDestroy,
  Scope,
  type Type,
} from '@nestjs/common'
import { ContextIdFactory, LazyModuleLoader, NestFactory } from '@nestjs/core'
import { Test } from '@nestjs/testing'
import { describe, expect, it, vi } from 'vitest'
import {
  CurrentGrant,
  EvergrantModule,
  getTokenManagerToken,
  InjectTokenManager,
  type RequestGrant,
} from '../src/index.js'
import { cleanUp, platformNames, recordingLogger, startApp, startWorld } from './world.js'

/** A standalone application, as workers and command line programs are. */
async function standalone(metadata: ModuleMetadata) {
  const log = recordingLogger()
  class AppModule {}
  Module(metadata)(AppModule)
  const app = await NestFactory.createApplicationContext(AppModule, { logger: log })
  // Nest 11 runs all hooks again when an application is closed again, and passes on what they reject with.
  cleanUp(() => app.close().catch(() => {}))
  return { app, tokens: app.get<TokenManager>(getTokenManagerToken()), logged: () => log.lines.join('\n') }
}

function ticking(clock: FakeClock, store: TokenStore) {
  let sweeps = 0
  const counting: TokenStore = {
    ...store,
    claimDue(request) {
      sweeps += 1
      return store.claimDue(request)
    },
  }
  return { clock, store: counting, sweeps: () => sweeps }
}

describe('keep-alive', () => {
  it('renews a grant that nobody asks for while the application runs', async () => {
    const world = await startWorld()
    await world.saveExpired('agency')
    await standalone({
      imports: [EvergrantModule.forRoot({ ...world.options, keepAlive: { sweepIntervalMs: 5 } })],
    })
    await expect.poll(() => world.server.ledger.rotations().length).toBe(1)
  })

  it.each([
    ['runs unless it is told not to', undefined, true],
    ['runs when it is told to', true, true],
    ['does not run when it is told not to', false, false],
  ])('%s', async (_, keepAlive, runs) => {
    const world = await startWorld()
    const { clock, store, sweeps } = ticking(fakeClock(), world.store)
    const { app } = await standalone({
      imports: [EvergrantModule.forRoot({ ...world.options, clock, store, keepAlive })],
    })
    await clock.advance(60_000)
    expect(sweeps() > 0).toBe(runs)
    await app.close()
    const before = sweeps()
    await clock.advance(60_000)
    expect(sweeps()).toBe(before)
  })

  it('with a bad interval: the application does not start', async () => {
    const { options } = await startWorld()
    const imports = [EvergrantModule.forRoot({ ...options, keepAlive: { sweepIntervalMs: -1 } })]
    const module = await Test.createTestingModule({ imports }).setLogger(recordingLogger()).compile()
    await expect(module.init()).rejects.toThrow(`option 'sweepIntervalMs'`)
  })
})

describe('the end of an application', () => {
  it('waits for a rotation whose token was sent, and stores what it brought', async () => {
    const world = await startWorld()
    const { app, tokens } = await standalone({ imports: [EvergrantModule.forRoot(world.options)] })
    const gate = world.server.gate({ when: 'after' })
    const waiting = tokens.getAccessToken('agency', { forceRefresh: true })
    await gate.arrived()
    const closed = app.close()
    gate.open()
    expect((await waiting).generation).toBe(2)
    await closed
    expect((await world.elsewhere.status('agency'))?.generation).toBe(2)
    await expect(tokens.getAccessToken('agency')).rejects.toMatchObject({ code: 'CLOSED' })
  })

  it.each(platformNames)('lets requests that are being served on %s have their tokens', async (platform) => {
    const world = await startWorld()
    @Controller()
    class ApiController {
      @Get()
      async get(@CurrentGrant() grant: RequestGrant) {
        return (await grant.fetch(`${world.server.origin}/api/x`)).json()
      }
    }
    const { app, url } = await startApp(
      platform,
      {
        imports: [EvergrantModule.forRoot({ ...world.options, grantId: () => 'agency' })],
        controllers: [ApiController],
      },
      { forceCloseConnections: false },
    )
    const gate = world.server.gate({ path: 'api' })
    const answer = fetch(url, { headers: { connection: 'close' } })
    await gate.arrived()
    world.server.revokeAccessToken((await world.elsewhere.getAccessToken('agency')).reveal())
    const closed = app.close()
    gate.open()
    expect(await (await answer).json()).toMatchObject({ sub: 'agency' })
    await closed
    expect(world.server.ledger.rotations()).toHaveLength(1)
  })

  it('tells what could not be stored, also when onClosed fails', async () => {
    const world = await startWorld()
    const onClosed = (): never => {
      throw new Error('the client is closed')
    }
    const { app, tokens, logged } = await standalone({
      imports: [EvergrantModule.forRoot({ ...world.options, onClosed })],
    })
    const lost = new EvergrantError('UNCOMMITTED_SUCCESSOR', 'not stored', { grantIds: ['agency'] })
    vi.spyOn(tokens, 'close').mockRejectedValue(lost)
    // Nest 11 passes on what hooks reject with, Nest 12 writes it down.
    const thrown: unknown = await app.close().catch((error: unknown) => error)
    expect(thrown === lost || logged().includes('not stored')).toBe(true)
    expect(logged()).toContain('the client is closed')
  })

  it.each([false, true])(
    'closes the manager, then calls onClosed, then ends what the store stands on (global: %s)',
    async (isGlobal) => {
      const world = await startWorld()
      const ends: string[] = []
      const note = async (what: string) => {
        await new Promise(setImmediate)
        ends.push(what)
      }
      @Injectable()
      class Connection implements OnApplicationShutdown {
        onApplicationShutdown = () => note('connection')
      }
      class ConnectionModule {}
      Module({ providers: [Connection], exports: [Connection] })(ConnectionModule)
      const { app, tokens } = await standalone({
        imports: [
          EvergrantModule.forRootAsync({
            isGlobal,
            imports: [ConnectionModule],
            inject: [Connection],
            useFactory: (_: Connection) => ({ ...world.options, onClosed: () => note('store') }),
          }),
        ],
      })
      const close = tokens.close
      tokens.close = async () => {
        await close()
        await note('manager')
      }
      await app.close()
      expect(ends).toEqual(['manager', 'store', 'connection'])
    },
  )

  it('serves the hooks that come before', async () => {
    const world = await startWorld()
    const seen: number[] = []
    @Injectable()
    class Worker implements OnModuleDestroy, BeforeApplicationShutdown {
      constructor(@InjectTokenManager() readonly tokens: TokenManager) {}
      async onModuleDestroy() {
        seen.push((await this.tokens.getAccessToken('agency')).generation)
      }
      async beforeApplicationShutdown() {
        seen.push((await this.tokens.getAccessToken('agency', { forceRefresh: true })).generation)
      }
    }
    const { app } = await standalone({
      imports: [EvergrantModule.forRoot(world.options)],
      providers: [Worker],
    })
    await app.close()
    expect(seen).toEqual([1, 2])
  })

  it('says which successors could not be stored, and no more; the store is closed all the same', async () => {
    const world = await startWorld()
    let closed = 0
    const store: TokenStore = {
      ...world.store,
      commit: () => Promise.reject(new Error('the store is away')),
    }
    const { app, tokens, logged } = await standalone({
      imports: [
        EvergrantModule.forRoot({
          ...world.options,
          store,
          closeTimeoutMs: 30,
          onClosed: () => {
            closed += 1
          },
        }),
      ],
    })
    const gate = world.server.gate({ when: 'after' })
    const waiting = tokens.getAccessToken('agency', { forceRefresh: true }).catch((error: unknown) => error)
    await gate.arrived()
    gate.open()
    await expect.poll(() => world.server.ledger.rotations()[0]?.replyDelivered).toBe(true)
    const outcome = await app.close().then(
      () => logged(),
      (error: unknown) => `${String(error)} ${JSON.stringify(error)}`,
    )
    await waiting
    expect(outcome).toContain('UNCOMMITTED_SUCCESSOR')
    expect(outcome).toContain('agency')
    for (const secret of world.secrets()) expect(outcome).not.toContain(secret)
    expect(closed).toBe(1)
  })

  it('comes again and again without a trace, as with hot module replacement', async () => {
    const world = await startWorld()
    let closed = 0
    const options = { ...world.options, onClosed: () => void closed++ }
    for (const rotations of [1, 2, 3]) {
      await world.saveExpired('agency')
      const { app, tokens } = await standalone({ imports: [EvergrantModule.forRoot(options)] })
      expect((await tokens.getAccessToken('agency')).generation).toBe(2)
      expect(world.server.ledger.rotations()).toHaveLength(rotations)
      await app.close()
      await app.close()
    }
    expect(closed).toBe(3)
    expect(world.server.ledger.doubleSpends()).toHaveLength(0)
  })
})

describe('scopes', () => {
  function scoped(options: { scope: Scope; durable?: boolean }): Type<{ readonly tokens: TokenManager }> {
    @Injectable(options)
    class Scoped {
      constructor(@InjectTokenManager() readonly tokens: TokenManager) {}
    }
    return Scoped
  }

  it.each([
    ['request', { scope: Scope.REQUEST }],
    ['durable', { scope: Scope.REQUEST, durable: true }],
    ['transient', { scope: Scope.TRANSIENT }],
  ])('%s providers get the one manager', async (_, options) => {
    const { options: managerOptions } = await startWorld()
    const Scoped = scoped(options)
    const { app, tokens } = await standalone({
      imports: [EvergrantModule.forRoot(managerOptions)],
      providers: [Scoped],
    })
    const contexts = [ContextIdFactory.create(), ContextIdFactory.create()]
    const instances = await Promise.all(contexts.map((context) => app.resolve(Scoped, context)))
    expect(instances[0]).not.toBe(instances[1])
    for (const instance of instances) expect(instance.tokens).toBe(tokens)
  })

  it('a module that is loaded later gets the one manager by forFeature, and none of its own', async () => {
    const { options } = await startWorld()
    const { app, tokens } = await standalone({ imports: [EvergrantModule.forRoot(options)] })
    const Late = scoped({ scope: Scope.DEFAULT })
    class LateModule {}
    Module({ imports: [EvergrantModule.forFeature()], providers: [Late] })(LateModule)
    const late = await app.get(LazyModuleLoader).load(() => LateModule)
    expect(late.get(Late).tokens).toBe(tokens)
    class Second {}
    Module({ imports: [EvergrantModule.forRoot(options)] })(Second)
    await expect(app.get(LazyModuleLoader).load(() => Second)).rejects.toThrow(/two token managers/)
  })
})
