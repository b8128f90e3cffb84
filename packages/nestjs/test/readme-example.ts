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
const provider = passolution({ clientId: CLIENT_ID, clientSecret: CLIENT_SECRET })
const redirectUri = 'http://localhost:3000/connect/callback'

@Controller('countries')
@UseGuards(GrantGuard) // a live grant, or a 401 that says where to connect
@UseFilters(EvergrantExceptionFilter)
class CountriesController {
  @Get()
  async list(@CurrentGrant() grant: RequestGrant) {
    // Refreshes, replays, waits its turn.
    return (await grant.fetch(`${API}/api/v2/infosystem/passolution`)).json()
  }
}

@Module({
  imports: [
    EvergrantModule.forRootAsync({
      useFactory: () => ({ provider, store: memoryStore() }), // sqliteStore({ path }) outlives the process
      grantId: ({ context }) => context.switchToHttp().getRequest().session?.accountId,
      connectUrl: '/connect',
    }),
    EvergrantConnectModule.forRoot({ redirectUri, secret: CONNECT_SECRET }), // at least 32 random characters
  ],
  controllers: [CountriesController],
})
export class AppModule {}
