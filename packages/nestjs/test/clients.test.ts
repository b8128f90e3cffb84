import { attachTokens } from '@evergrant/axios-interceptor'
import { fetchWithTokens } from '@evergrant/core'
import { HttpModule, HttpService } from '@nestjs/axios'
import { Controller, Get, Inject, Injectable, Module } from '@nestjs/common'
import { Test } from '@nestjs/testing'
import { firstValueFrom } from 'rxjs'
import { describe, expect, it } from 'vitest'
import { CurrentGrant, EvergrantModule, provideGrantClient, type RequestGrant } from '../src/index.js'
import { cleanUp, recordingLogger, startApp, startWorld } from './world.js'

const FETCH = 'COUNTRIES_FETCH'
const HTTP = Symbol('COUNTRIES_HTTP')
const SECOND = 'SECOND_HTTP'

@Injectable()
class Countries {
  constructor(
    @Inject(FETCH) readonly fetch: typeof globalThis.fetch,
    @Inject(HTTP) readonly http: HttpService,
    @Inject(SECOND) readonly second: HttpService,
  ) {}
}

describe('clients by injection', () => {
  it('carry the tokens of their own manager and grant, and replay after a 401', async () => {
    const [one, two] = [await startWorld(), await startWorld()]
    // One HttpModule for each API: @nestjs/axios has one HttpService a module.
    const http = (token: string | symbol, baseURL: string, manager?: string, grantId = 'agency') => {
      class ClientModule {}
      Module({
        imports: [HttpModule.register({ baseURL }), EvergrantModule.forFeature(manager)],
        providers: [
          provideGrantClient({
            provide: token,
            manager,
            inject: [HttpService],
            useFactory(tokens, service: HttpService) {
              attachTokens(service.axiosRef, { tokens, grantId })
              return service
            },
          }),
        ],
        exports: [token],
      })(ClientModule)
      return ClientModule
    }
    const module = await Test.createTestingModule({
      imports: [
        EvergrantModule.forRoot(one.options),
        EvergrantModule.forRoot({ ...two.options, name: 'second' }),
        http(HTTP, one.server.origin),
        http(SECOND, two.server.origin, 'second', 'other'),
      ],
      providers: [
        Countries,
        provideGrantClient({
          provide: FETCH,
          useFactory: (tokens) => fetchWithTokens({ tokens, grantId: 'agency' }),
        }),
      ],
    })
      .setLogger(recordingLogger())
      .compile()
    cleanUp(() => module.close())
    const countries = module.get(Countries)
    expect(await (await countries.fetch(one.server.apiUrl)).json()).toMatchObject({ sub: 'agency' })
    await one.elsewhere.getAccessToken('agency', { forceRefresh: true })
    const { data } = await firstValueFrom(countries.http.get('/api/x'))
    expect(data).toMatchObject({ sub: 'agency' })
    expect((await countries.fetch(one.server.apiUrl)).status).toBe(200)
    expect((await firstValueFrom(countries.second.get('/api/x'))).data).toMatchObject({ sub: 'other' })
    expect(one.server.ledger.rotations()).toHaveLength(1)
    expect(two.server.ledger.rotations()).toHaveLength(0)
  })

  it('HttpService takes the grant and the signal of a request', async () => {
    const { server, options } = await startWorld()
    @Controller()
    class ApiController {
      constructor(@Inject(HTTP) readonly http: HttpService) {}

      @Get()
      async get(@CurrentGrant() { id: grantId, signal }: RequestGrant) {
        const request = this.http.get('/api/x', { evergrant: { grantId }, ...(signal && { signal }) })
        return (await firstValueFrom(request)).data
      }
    }
    const { url } = await startApp('express', {
      imports: [
        HttpModule.register({ baseURL: server.origin }),
        EvergrantModule.forRoot({ ...options, grantId: () => 'other' }),
      ],
      controllers: [ApiController],
      providers: [
        provideGrantClient({
          provide: HTTP,
          inject: [HttpService],
          useFactory(tokens, http: HttpService) {
            attachTokens(http.axiosRef, { tokens })
            return http
          },
        }),
      ],
    })
    expect(await (await fetch(url)).json()).toMatchObject({ sub: 'other' })
  })

  it.each<[string, object]>([
    ['provide', { useFactory: () => 1 }],
    ['useFactory', { provide: 'x' }],
    ['inject', { provide: 'x', useFactory: () => 1, inject: HttpService }],
    ['name', { provide: 'x', useFactory: () => 1, manager: '' }],
  ])('a bad %s is told at once', (option, options) => {
    expect(() => provideGrantClient(options as never)).toThrow(`option '${option}'`)
  })
})
