// An application as many are: CommonJS, decorators with emitted metadata, one file.
import 'reflect-metadata'

import evergrant = require('@evergrant/nestjs')

import { memoryStore, passolution, type TokenManager, type TokenReply } from '@evergrant/core'
import {
  CurrentGrant,
  EvergrantExceptionFilter,
  EvergrantModule,
  GrantGuard,
  GrantId,
  InjectTokenManager,
  type RequestGrant,
} from '@evergrant/nestjs'
import { Controller, Get, Injectable, Module, type OnModuleInit, UseFilters, UseGuards } from '@nestjs/common'
import { NestFactory } from '@nestjs/core'

const { ORIGIN = '', CLIENT_ID = '', CLIENT_SECRET = '', REPLY = '{}' } = process.env

@Injectable()
class Accounts implements OnModuleInit {
  constructor(@InjectTokenManager() readonly tokens: TokenManager) {}

  async onModuleInit(): Promise<void> {
    await this.tokens.saveGrant('agency', JSON.parse(REPLY) as TokenReply)
  }
}

@Controller()
@UseFilters(EvergrantExceptionFilter)
@UseGuards(GrantGuard)
class CountriesController {
  // Injected by its type: what the compiler emitted.
  constructor(readonly accounts: Accounts) {}

  @Get()
  async get(@CurrentGrant() grant: RequestGrant, @GrantId() id: string): Promise<object> {
    await this.accounts.tokens.getAccessToken(id, { forceRefresh: true })
    return (await (await grant.fetch(`${ORIGIN}/api/countries`)).json()) as object
  }
}

@Module({
  imports: [
    EvergrantModule.forRootAsync({
      grantId: () => 'agency',
      useFactory: () => ({
        provider: passolution({
          clientId: CLIENT_ID,
          clientSecret: CLIENT_SECRET,
          authorizationServer: ORIGIN,
          api: ORIGIN,
        }),
        store: memoryStore(),
        onClosed: () => console.log('closed'),
      }),
    }),
  ],
  controllers: [CountriesController],
  providers: [Accounts],
})
class AppModule {}

async function main(): Promise<void> {
  const imported = await import('@evergrant/nestjs')
  if (imported.EvergrantModule !== evergrant.EvergrantModule) throw new Error('two copies of the package')
  const app = await NestFactory.create(AppModule, { logger: ['error', 'warn'] })
  app.enableShutdownHooks()
  await app.listen(0, '127.0.0.1')
  console.log(await app.getUrl())
}

void main()
