/** Several managers and one filter: `error.provider` says whose error it is, and so where the user connects again. */
import { createTokenManager, type TokenManager } from '@evergrant/core'
import { Controller, type ExecutionContext, Get, UseGuards } from '@nestjs/common'
import { APP_FILTER } from '@nestjs/core'
import { describe, expect, it } from 'vitest'
import {
  CurrentGrant,
  EvergrantExceptionFilter,
  EvergrantModule,
  type EvergrantModuleExtras,
  GrantGuard,
  GrantId,
  type RequestGrant,
} from '../src/index.js'
import { cleanUp, type Platform, platformNames, startApp, startWorld, type World } from './world.js'

const grantId = ({ context }: { context: ExecutionContext }) =>
  context.switchToHttp().getRequest<{ headers: Record<string, string | undefined> }>().headers['x-account']

@Controller('first')
class FirstController {
  @Get('guarded')
  @UseGuards(GrantGuard)
  guarded(): void {}

  @Get('id')
  id(@GrantId() id: string) {
    return { id }
  }

  @Get('token')
  async token(@CurrentGrant() grant: RequestGrant) {
    return { token: String(await grant.getAccessToken()) }
  }
}

@Controller('second')
class SecondController {
  @Get('guarded')
  @UseGuards(GrantGuard.of('second'))
  guarded(): void {}

  @Get('id')
  id(@GrantId('second') id: string) {
    return { id }
  }

  @Get('token')
  async token(@CurrentGrant('second') grant: RequestGrant) {
    return { token: String(await grant.getAccessToken()) }
  }
}

/** A manager of this provider, whose grant `dead` is dead. */
async function managerOf({ options, server }: World, id: string): Promise<TokenManager> {
  const tokens = createTokenManager({ ...options, provider: { ...options.provider, id } })
  cleanUp(() => tokens.close())
  const grant = server.issueGrant()
  await tokens.saveGrant('dead', grant)
  server.revokeFamily(grant.access_token)
  await tokens.getAccessToken('dead', { forceRefresh: true }).catch(() => {})
  return tokens
}

async function start(platform: Platform, connectUrl: EvergrantModuleExtras['connectUrl']) {
  const world = await startWorld()
  const { url, logged } = await startApp(platform, {
    imports: [
      EvergrantModule.forRoot({ tokens: await managerOf(world, 'provider-one'), grantId, connectUrl }),
      EvergrantModule.forRoot({ tokens: await managerOf(world, 'provider-two'), grantId, name: 'second' }),
    ],
    controllers: [FirstController, SecondController],
    providers: [{ provide: APP_FILTER, useClass: EvergrantExceptionFilter }],
  })
  const ask = async (path: string, account?: string) => {
    const response = await fetch(`${url}${path}`, { headers: account ? { 'x-account': account } : {} })
    const isJson = response.headers.get('content-type')?.includes('json')
    return { status: response.status, ...(isJson && ((await response.json()) as object)) }
  }
  return { ask, logged }
}

describe.each(platformNames)('on %s', (platform) => {
  it.each([
    ['/first/guarded', 'provider-one'],
    ['/first/token', 'provider-one'],
    ['/second/guarded', 'provider-two'],
    ['/second/token', 'provider-two'],
  ])(
    'an error of %s is that of %s: without a grant, with an unknown and with a dead one',
    async (path, whose) => {
      const { ask } = await start(platform, ({ error }) => `/connect/${error.provider}?${error.reason ?? ''}`)
      expect(await ask(path)).toMatchObject({
        code: 'grant_not_found',
        connect: `/connect/${whose}?no_grant_id`,
      })
      expect(await ask(path, 'unknown')).toMatchObject({
        code: 'grant_not_found',
        connect: `/connect/${whose}?`,
      })
      expect(await ask(path, 'dead')).toMatchObject({
        code: 'reauthorization_required',
        connect: expect.stringMatching(`^/connect/${whose}\\?.`),
      })
    },
  )

  it.each([
    ['/first/id', 'provider-one'],
    ['/second/id', 'provider-two'],
  ])('so is that of @GrantId at %s', async (path, whose) => {
    const { ask } = await start(platform, ({ error }) => `/connect/${error.provider}`)
    expect(await ask(path)).toMatchObject({ code: 'grant_not_found', connect: `/connect/${whose}` })
  })

  it('a link that cannot be made is a defect of the application: 500, and it goes on serving', async () => {
    const { ask } = await start(platform, () => {
      throw new Error('no such provider')
    })
    expect(await ask('/first/token')).toMatchObject({ status: 500 })
    expect(await ask('/first/id', 'agency')).toEqual({ status: 200, id: 'agency' })
  })
})
