import { createTokenManager, type TokenManager } from '@evergrant/core'
import { Inject, Injectable, Module, type ModuleMetadata, type Type } from '@nestjs/common'
import { Test, type TestingModule } from '@nestjs/testing'
import { describe, expect, it } from 'vitest'
import {
  EvergrantModule,
  type EvergrantModuleOptions,
  type EvergrantOptionsFactory,
  getTokenManagerToken,
  InjectTokenManager,
} from '../src/index.js'
import { cleanUp, recordingLogger, startWorld } from './world.js'

async function compile(metadata: ModuleMetadata): Promise<TestingModule> {
  const module = await Test.createTestingModule(metadata).setLogger(recordingLogger()).compile()
  cleanUp(() => module.close())
  return module
}

/** A class that injects the manager of this name. */
function user(name?: string): Type<{ readonly tokens: TokenManager }> {
  @Injectable()
  class User {
    constructor(@InjectTokenManager(name) readonly tokens: TokenManager) {}
  }
  return User
}

const generation = async (tokens: TokenManager) => (await tokens.getAccessToken('agency')).generation

describe('the manager of forRoot', () => {
  it('is injected where the module is imported', async () => {
    const { options } = await startWorld()
    const User = user()
    const module = await compile({ imports: [EvergrantModule.forRoot(options)], providers: [User] })
    expect(await generation(module.get(User).tokens)).toBe(1)
    expect(module.get(getTokenManagerToken())).toBe(module.get(User).tokens)
  })

  it('is injected by property, too', async () => {
    const { options } = await startWorld()
    @Injectable()
    class User {
      @InjectTokenManager() readonly tokens!: TokenManager
    }
    const module = await compile({ imports: [EvergrantModule.forRoot(options)], providers: [User] })
    expect(await generation(module.get(User).tokens)).toBe(1)
  })

  it('is nowhere else, unless it is asked to be global', async () => {
    const { options } = await startWorld()
    const User = user()
    class Feature {}
    Module({ providers: [User] })(Feature)
    const local = compile({ imports: [EvergrantModule.forRoot(options), Feature] })
    await expect(local).rejects.toThrow(/EvergrantTokenManager\(default\)/)
    const module = await compile({
      imports: [EvergrantModule.forRoot({ ...options, isGlobal: true }), Feature],
    })
    expect(await generation(module.get(User, { strict: false }).tokens)).toBe(1)
  })

  it('is the same one wherever the same value is imported, and in forFeature', async () => {
    const { options } = await startWorld()
    const root = EvergrantModule.forRoot(options)
    const users = [user(), user(), user()] as const
    class First {}
    Module({ imports: [root], providers: [users[0]] })(First)
    class Second {}
    Module({ imports: [root], providers: [users[1]] })(Second)
    class Third {}
    Module({ imports: [EvergrantModule.forFeature()], providers: [users[2]] })(Third)
    const module = await compile({ imports: [First, Third, Second] })
    const [one, ...others] = users.map((User) => module.get(User, { strict: false }).tokens)
    for (const other of others) expect(other).toBe(one)
  })

  it('is a ready one when it is given one, which stays open when the application ends', async () => {
    const { options } = await startWorld()
    const tokens = createTokenManager(options)
    const module = await compile({ imports: [EvergrantModule.forRoot({ tokens })] })
    expect(module.get(getTokenManagerToken())).toBe(tokens)
    await module.init()
    await module.close()
    expect(await generation(tokens)).toBe(1)
    await tokens.close()
  })
})

describe('forRootAsync', () => {
  const OPTIONS = 'APPLICATION_OPTIONS'
  function settingsModule(options: EvergrantModuleOptions) {
    @Injectable()
    class Settings implements EvergrantOptionsFactory {
      constructor(@Inject(OPTIONS) readonly options: EvergrantModuleOptions) {}
      createEvergrantOptions() {
        return this.options
      }
    }
    class SettingsModule {}
    const provider = { provide: OPTIONS, useValue: options }
    Module({ providers: [Settings, provider], exports: [Settings, OPTIONS] })(SettingsModule)
    return { Settings, SettingsModule }
  }

  it.each(['useFactory', 'useClass', 'useExisting'] as const)('takes %s', async (way) => {
    const { options } = await startWorld()
    const { Settings, SettingsModule } = settingsModule(options)
    const ways = {
      useFactory: { inject: [OPTIONS], useFactory: async (given: EvergrantModuleOptions) => given },
      useClass: { useClass: Settings },
      useExisting: { useExisting: Settings },
    }
    const User = user()
    const module = await compile({
      imports: [EvergrantModule.forRootAsync({ imports: [SettingsModule], ...ways[way] })],
      providers: [User],
    })
    expect(await generation(module.get(User).tokens)).toBe(1)
  })

  it('makes forFeature wait for its options', async () => {
    const { options } = await startWorld()
    const User = user('late')
    class Feature {}
    Module({ imports: [EvergrantModule.forFeature('late')], providers: [User] })(Feature)
    const useFactory = async () => {
      await new Promise(setImmediate)
      return options
    }
    const module = await compile({
      imports: [Feature, EvergrantModule.forRootAsync({ name: 'late', useFactory })],
    })
    expect(await generation(module.get(User, { strict: false }).tokens)).toBe(1)
  })

  it('ends the start of the application when the factory fails', async () => {
    const useFactory = () => Promise.reject(new Error('no configuration'))
    await expect(compile({ imports: [EvergrantModule.forRootAsync({ useFactory })] })).rejects.toThrow(
      'no configuration',
    )
  })
})

describe('several managers', () => {
  it('live side by side, each with its own grants', async () => {
    const [one, two] = [await startWorld(), await startWorld()]
    const users = [user(), user('second')] as const
    const module = await compile({
      imports: [
        EvergrantModule.forRoot(one.options),
        EvergrantModule.forRoot({ ...two.options, name: 'second' }),
      ],
      providers: [...users],
    })
    const [first, second] = users.map((User) => module.get(User).tokens)
    expect(first).not.toBe(second)
    await first!.getAccessToken('agency', { forceRefresh: true })
    expect(one.server.ledger.rotations()).toHaveLength(1)
    expect(two.server.ledger.rotations()).toHaveLength(0)
    expect(await generation(second!)).toBe(1)
  })

  it('of one name do not start, and are told apart from one that is imported twice', async () => {
    const { options } = await startWorld()
    const twice = compile({ imports: [EvergrantModule.forRoot(options), EvergrantModule.forRoot(options)] })
    await expect(twice).rejects.toThrow(/two token managers named 'default'/)
    const root = EvergrantModule.forRoot(options)
    class Feature {}
    Module({ imports: [root] })(Feature)
    await compile({ imports: [root, Feature] })
  })

  it('are as many as the applications of this process, under one name', async () => {
    const { options } = await startWorld()
    const [one, two] = [
      await compile({ imports: [EvergrantModule.forRoot(options)] }),
      await compile({ imports: [EvergrantModule.forRoot(options)] }),
    ]
    await one.close()
    expect(await generation(two.get<TokenManager>(getTokenManagerToken()))).toBe(1)
  })
})

describe('a mistake is told when the application starts', () => {
  it.each([
    ['name', { name: '' }],
    ['name', { name: 7 }],
    ['isGlobal', { isGlobal: 'yes' }],
    ['keepAlive', { keepAlive: 'yes' }],
    ['grantId', { grantId: 'agency' }],
    ['connectUrl', { connectUrl: 7 }],
  ])('%s: %j', async (option, extras) => {
    const { options } = await startWorld()
    const forRoot = () => EvergrantModule.forRoot({ ...options, ...extras } as never)
    expect(forRoot).toThrow(TypeError)
    expect(forRoot).toThrow(`option '${option}'`)
    expect(() => EvergrantModule.forRootAsync({ ...extras, useFactory: () => options } as never)).toThrow(
      `option '${option}'`,
    )
  })

  it.each([
    ['provider', { provider: undefined }],
    ['store', { store: {} }],
    ['timeoutMs', { timeoutMs: -1 }],
    ['onClosed', { onClosed: 'later' }],
    ['tokens', { tokens: {}, provider: undefined, store: undefined }],
    ['tokens', { tokens: null }],
  ])('%s of the manager: %j', async (option, changes) => {
    const { options } = await startWorld()
    const module = compile({ imports: [EvergrantModule.forRoot({ ...options, ...changes } as never)] })
    await expect(module).rejects.toThrow(TypeError)
    await expect(module).rejects.toThrow(`option '${option}'`)
  })

  it('what has no meaning beside a ready manager', async () => {
    const { options, elsewhere: tokens } = await startWorld()
    const beside = (more: object) =>
      compile({ imports: [EvergrantModule.forRoot({ tokens, ...more } as never)] })
    await expect(beside({ store: options.store })).rejects.toThrow(`option 'store'`)
    await expect(beside({ onClosed: () => {} })).rejects.toThrow(`option 'onClosed'`)
    await expect(beside({ keepAlive: true })).rejects.toThrow(`option 'keepAlive'`)
  })

  it('a factory that returns nothing', async () => {
    const useFactory = () => undefined as never
    await expect(compile({ imports: [EvergrantModule.forRootAsync({ useFactory })] })).rejects.toThrow(
      `option 'useFactory'`,
    )
  })

  it('a manager that nobody registered, by the name that is missing', async () => {
    const { options } = await startWorld()
    const injected = compile({ imports: [EvergrantModule.forRoot(options)], providers: [user('nobody')] })
    await expect(injected).rejects.toThrow('EvergrantTokenManager(nobody)')
    const feature = compile({
      imports: [EvergrantModule.forRoot(options), EvergrantModule.forFeature('nobody')],
    })
    await expect(feature).rejects.toThrow("EvergrantModule.forRoot({ name: 'nobody' })")
    expect(() => EvergrantModule.forFeature('')).toThrow(`option 'name'`)
    expect(() => InjectTokenManager('')).toThrow(`option 'name'`)
  })
})

it('a test overrides the manager: the application’s own is never made, started or closed', async () => {
  const { options, elsewhere } = await startWorld()
  const closed: string[] = []
  const User = user()
  const builder = Test.createTestingModule({
    imports: [
      EvergrantModule.forRoot({
        ...options,
        store: 'never looked at' as never,
        onClosed: () => void closed.push('own'),
      }),
    ],
    providers: [User],
  })
  const module = await builder.overrideProvider(getTokenManagerToken()).useValue(elsewhere).compile()
  await module.init()
  expect(module.get(User).tokens).toBe(elsewhere)
  await module.close()
  expect(await generation(elsewhere)).toBe(1)
  expect(closed).toEqual(['own'])
})
