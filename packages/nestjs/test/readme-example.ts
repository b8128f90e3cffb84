import { memoryStore, passolution } from '@evergrant/core'
import {
  CurrentGrant,
  EvergrantConnectModule,
  EvergrantExceptionFilter,
  EvergrantModule,
  GrantGuard,
  type RequestGrant,
} from '@evergrant/nestjs'
import { Controller, Get, Module, UseFilters, UseGuards } from '@nestjs/common'

const { CLIENT_ID = '', CLIENT_SECRET = '', CONNECT_SECRET = '', API = '' } = process.env

@Controller('countries')
@UseGuards(GrantGuard) // a live grant, or a 401 that says where to connect
@UseFilters(EvergrantExceptionFilter)
class CountriesController {
  @Get()
  async list(@CurrentGrant() grant: RequestGrant) {
    const response = await grant.fetch(`${API}/api/v2/infosystem/passolution`) // refreshes, replays, waits its turn
    return response.json()
  }
}

@Module({
  imports: [
    EvergrantModule.forRootAsync({
      useFactory: () => {
        const store = memoryStore() // sqliteStore({ path: 'tokens.db' }), with onClosed: () => store.close()
        return { provider: passolution({ clientId: CLIENT_ID, clientSecret: CLIENT_SECRET }), store }
      },
      grantId: ({ context }) => context.switchToHttp().getRequest().session?.accountId,
      connectUrl: '/connect',
    }),
    EvergrantConnectModule.forRoot({
      redirectUri: 'http://localhost:3000/connect/callback',
      secret: CONNECT_SECRET, // at least 32 random characters
    }),
  ],
  controllers: [CountriesController],
})
export class AppModule {}
