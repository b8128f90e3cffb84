import { createTokenManager, memoryStore, oauth2Provider, type TokenManager } from '@evergrant/core'
import { Controller, Get, Module, UseGuards } from '@nestjs/common'
import { Test } from '@nestjs/testing'
import { expect, it } from 'vitest'
import {
  CurrentGrant,
  EvergrantModule,
  GrantGuard,
  getTokenManagerToken,
  type RequestGrant,
} from '../src/index.js'
import { emulateProvider } from '../src/testing/index.js'
import { cleanUp, recordingLogger } from './world.js'

@Controller()
class ApiController {
  @Get()
  @UseGuards(GrantGuard)
  async get(@CurrentGrant() grant: RequestGrant) {
    return { id: grant.id, generation: (await grant.getAccessToken({ forceRefresh: true })).generation }
  }
}

/** Of an application that must not be reached for in a test. */
const useFactory = (): never => {
  throw new Error('the real database')
}

@Module({
  imports: [EvergrantModule.forRootAsync({ useFactory, grantId: () => 'agency-42' })],
  controllers: [ApiController],
})
class AppModule {}

it('one line moves an application to an emulated provider, as it is', async () => {
  const builder = Test.createTestingModule({ imports: [AppModule] }).setLogger(recordingLogger())
  const server = await emulateProvider(builder, { grants: ['agency-42'] })
  const app = (await builder.compile()).createNestApplication()
  await app.listen(0, '127.0.0.1')
  expect(await (await fetch(await app.getUrl())).json()).toEqual({ id: 'agency-42', generation: 2 })
  expect(server.ledger.rotations()).toHaveLength(1)
  await app.close()
  await expect(fetch(server.apiUrl)).rejects.toThrow()
})

it('moves the manager of a name, to any server, with any facts', async () => {
  const builder = Test.createTestingModule({
    imports: [
      EvergrantModule.forRootAsync({ useFactory, name: 'xero' }),
      EvergrantModule.forRoot({
        tokens: createTokenManager({ provider: facts('x', 'http://localhost'), store: memoryStore() }),
      }),
    ],
  }).setLogger(recordingLogger())
  const server = await emulateProvider(builder, {
    name: 'xero',
    grants: ['one', 'two'],
    server: { preset: 'xero', seed: 'fixed' },
    provider: ({ tokenEndpoint }) => facts('xero', tokenEndpoint),
  })
  const module = await builder.compile()
  cleanUp(() => module.close())
  await module.init()
  const xero = module.get<TokenManager>(getTokenManagerToken('xero'))
  expect(xero.provider).toBe('xero')
  expect((await xero.list()).grants.map(({ grantId }) => grantId)).toEqual(['one', 'two'])
  expect((await xero.getAccessToken('two', { forceRefresh: true })).generation).toBe(2)
  expect(server.seed).toBe('fixed')
  expect(module.get<TokenManager>(getTokenManagerToken()).provider).toBe('x')
})

it('closes its server when a grant id cannot be one', async () => {
  const builder = Test.createTestingModule({})
  await expect(emulateProvider(builder, { grants: [''] })).rejects.toThrow(`option 'grantId'`)
  await expect(emulateProvider(builder, { name: '' })).rejects.toThrow(`option 'name'`)
})

function facts(id: string, tokenEndpoint: string) {
  return oauth2Provider({
    id,
    clientId: 'test-client',
    clientSecret: 'test-secret',
    clientAuthentication: 'client_secret_post',
    tokenEndpoint,
  })
}
