/** The connect flow of a Nest application in a real browser, on both platforms. */
import { type AddressInfo, createServer } from 'node:net'
import { Controller, Get, Module, UseFilters, UseGuards } from '@nestjs/common'
import { NestFactory } from '@nestjs/core'
import { expect, it } from 'vitest'
import { describeInBrowser } from '../../../integration/test/browser/chromium.js'
import {
  CurrentGrant,
  EvergrantConnectModule,
  EvergrantExceptionFilter,
  EvergrantModule,
  GrantGuard,
  type RequestGrant,
} from '../src/index.js'
import { cleanUp, platformNames, platforms, startWorld } from './world.js'

/** The application at `localhost`, which for the browser is another site than the provider's `127.0.0.1`. */
async function startSite(platform: keyof typeof platforms) {
  const { server, options, elsewhere } = await startWorld()
  server.configure({ consent: 'ask' })
  await elsewhere.revoke('agency')

  @Controller('countries')
  @UseGuards(GrantGuard)
  @UseFilters(EvergrantExceptionFilter)
  class CountriesController {
    @Get()
    async list(@CurrentGrant() grant: RequestGrant) {
      return (await grant.fetch(server.apiUrl)).json()
    }
  }

  const port = await freePort()
  const site = `http://localhost:${port}`
  const secret = 'thirty-two characters or more, for tests'

  @Module({
    imports: [
      EvergrantModule.forRoot({ ...options, grantId: () => 'agency', connectUrl: '/connect' }),
      EvergrantConnectModule.forRoot({ redirectUri: `${site}/connect/callback`, secret }),
    ],
    controllers: [CountriesController],
  })
  class AppModule {}

  const nestOptions = { logger: ['error', 'fatal'], forceCloseConnections: true } as const
  const app = await NestFactory.create(
    AppModule,
    platforms[platform](nestOptions as never),
    nestOptions as never,
  )
  cleanUp(() => app.close())
  await app.listen(port, 'localhost')
  return { site, server }
}

describeInBrowser('in a browser, Nest', (browser) => {
  it.each(platformNames)(
    'on %s: a user is refused, denies, connects, is served, and the old link is refused',
    async (platform) => {
      const { site, server } = await startSite(platform)
      const context = await browser().newContext()
      cleanUp(() => context.close())
      const page = await context.newPage()
      const before = server.ledger.tokenRequests().length
      expect((await page.goto(`${site}/countries`))?.status()).toBe(401)
      await page.goto(`${site}/connect?returnTo=/countries`)
      await page.click('#deny')
      expect(await page.title()).toBe('Not connected')
      await page.goto(`${site}/connect?returnTo=/countries`)
      const callback = page.waitForRequest((request) => request.url().includes('/connect/callback'))
      await page.click('#approve')
      await page.waitForURL(`${site}/countries`)
      expect(await page.textContent('body')).toContain('/api/v2/infosystem/passolution')
      await page.goto((await callback).url())
      expect(await page.title()).toBe('This link was already used')
      expect(server.ledger.tokenRequests()).toHaveLength(before + 1)
    },
  )
})

async function freePort(): Promise<number> {
  const probe = createServer()
  await new Promise<void>((resolve) => probe.listen(0, 'localhost', resolve))
  const { port } = probe.address() as AddressInfo
  await new Promise((resolve) => probe.close(resolve))
  return port
}
