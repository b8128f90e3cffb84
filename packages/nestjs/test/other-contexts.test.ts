import { once } from 'node:events'
import { Controller, type ExecutionContext, Injectable, UseFilters, UseGuards } from '@nestjs/common'
import { APP_FILTER, ExternalContextCreator } from '@nestjs/core'
import {
  ClientProxyFactory,
  MessagePattern,
  type MicroserviceOptions,
  Payload,
  Transport,
} from '@nestjs/microservices'
import { WsAdapter } from '@nestjs/platform-ws'
import { Test, type TestingModule } from '@nestjs/testing'
import { MessageBody, SubscribeMessage, WebSocketGateway } from '@nestjs/websockets'
import { firstValueFrom } from 'rxjs'
import { describe, expect, it } from 'vitest'
import WebSocket from 'ws'
import {
  CurrentGrant,
  EvergrantExceptionFilter,
  EvergrantModule,
  GrantGuard,
  GrantId,
  type RequestGrant,
} from '../src/index.js'
import { cleanUp, recordingLogger, startWorld } from './world.js'

interface Message {
  readonly account?: string
}

/** One resolver for every kind of context, as an application that has several writes it. */
function accountOf({ context }: { readonly context: ExecutionContext }): string | undefined {
  switch (context.getType<'graphql' | 'http' | 'rpc' | 'ws'>()) {
    case 'ws':
      return context.switchToWs().getData<Message>().account
    case 'rpc':
      return context.switchToRpc().getData<Message>().account
    case 'graphql':
    case 'http':
      return context.getArgByIndex<Message>(2).account
  }
}

let apiUrl: string

const answerOf = async (grant: RequestGrant, id: string) => ({
  id,
  signal: grant.signal ?? null,
  generation: (await grant.getAccessToken()).generation,
  api: (await grant.fetch(apiUrl)).status,
})

@WebSocketGateway()
@UseFilters(EvergrantExceptionFilter)
class Gateway {
  @SubscribeMessage('grant')
  @UseGuards(GrantGuard)
  async grant(@CurrentGrant() grant: RequestGrant, @GrantId() id: string, @MessageBody() _: Message) {
    return { event: 'grant', data: await answerOf(grant, id) }
  }
}

@Controller()
class Patterns {
  @MessagePattern('grant')
  @UseGuards(GrantGuard)
  async grant(@CurrentGrant() grant: RequestGrant, @GrantId() id: string, @Payload() _: Message) {
    return answerOf(grant, id)
  }
}

@Injectable()
class Resolver {
  @UseGuards(GrantGuard)
  async grant(@CurrentGrant() grant: RequestGrant, @GrantId() id: string) {
    return answerOf(grant, id)
  }
}

async function build() {
  const { options, secrets, server } = await startWorld()
  apiUrl = server.apiUrl
  const log = recordingLogger()
  const module = await Test.createTestingModule({
    imports: [EvergrantModule.forRoot({ ...options, grantId: accountOf, connectUrl: '/connect' })],
    controllers: [Patterns],
    providers: [Gateway, Resolver, { provide: APP_FILTER, useClass: EvergrantExceptionFilter }],
  })
    .setLogger(log)
    .compile()
  return { module, log, secrets }
}

const served = { id: 'agency', signal: null, generation: 1, api: 200 }

describe('a WebSocket gateway', () => {
  it('has guard and decorators; our errors go out as exception messages', async () => {
    const { module, log } = await build()
    const app = module.createNestApplication({ logger: log, forceCloseConnections: true })
    cleanUp(() => app.close())
    app.useWebSocketAdapter(new WsAdapter(app))
    await app.listen(0, '127.0.0.1')
    const socket = new WebSocket((await app.getUrl()).replace('http', 'ws'))
    cleanUp(() => socket.terminate())
    await once(socket, 'open')
    const ask = async (data: Message) => {
      socket.send(JSON.stringify({ event: 'grant', data }))
      const [reply] = (await once(socket, 'message')) as [Buffer]
      return JSON.parse(reply.toString()) as unknown
    }
    expect(await ask({ account: 'agency' })).toEqual({ event: 'grant', data: served })
    expect(await ask({ account: 'nobody' })).toMatchObject({
      event: 'exception',
      data: { status: 401, code: 'grant_not_found', connect: '/connect' },
    })
    expect(await ask({})).toMatchObject({ event: 'exception', data: { code: 'grant_not_found' } })
    expect(log.lines).toEqual([])
  })

  it('of Socket.IO gets them by its own emit', async () => {
    const { module } = await build()
    cleanUp(() => module.close())
    const sent: unknown[] = []
    const client = { emit: (...message: unknown[]) => sent.push(message) }
    const handler = external(module, module.get(Gateway), 'ws')
    await expect(handler(client, {}, 'grant')).rejects.toMatchObject({ code: 'GRANT_NOT_FOUND' })
    expect(sent).toEqual([['exception', expect.objectContaining({ code: 'grant_not_found' })]])
  })
})

describe('a hybrid application', () => {
  it('has guard and decorators in message patterns; errors are Nest’s to tell', async () => {
    const { module, log, secrets } = await build()
    const app = module.createNestApplication({ logger: log, forceCloseConnections: true })
    cleanUp(() => app.close())
    app.useWebSocketAdapter(new WsAdapter(app))
    const socket = { host: '127.0.0.1', port: await freePort() }
    app.connectMicroservice<MicroserviceOptions>(
      { transport: Transport.TCP, options: socket },
      { inheritAppConfig: true },
    )
    await app.startAllMicroservices()
    await app.listen(0, '127.0.0.1')
    const client = ClientProxyFactory.create({ transport: Transport.TCP, options: socket })
    cleanUp(() => client.close())
    const ask = (data: Message) => firstValueFrom(client.send<unknown>('grant', data))
    expect(await ask({ account: 'agency' })).toEqual(served)
    await expect(ask({ account: 'nobody' })).rejects.toEqual({
      status: 'error',
      message: 'Internal server error',
    })
    expect(log.lines.join()).toContain('GRANT_NOT_FOUND')
    for (const secret of secrets()) expect(log.lines.join()).not.toContain(secret)
  })
})

describe.each([
  ['a GraphQL resolver, as Nest calls it', 'graphql'],
  ['a handler that a library takes for HTTP because that is the default', 'http'],
])('%s', (_, type) => {
  it('has guard and decorators; errors go on as they are', async () => {
    const { module } = await build()
    cleanUp(() => module.close())
    const resolve = external(module, module.get(Resolver), type)
    expect(await resolve({}, {}, { account: 'agency' }, {})).toEqual(served)
    expect(await resolve({}, undefined, { account: 'agency' }, {})).toEqual(served)
    await expect(resolve({}, {}, { account: 'nobody' }, {})).rejects.toMatchObject({
      code: 'GRANT_NOT_FOUND',
    })
  })
})

/** What libraries such as `@nestjs/graphql` do to have a method called with guards, pipes and filters. */
function external(
  module: TestingModule,
  instance: { grant(...given: never[]): unknown },
  contextType: string,
): (...given: unknown[]) => Promise<unknown> {
  const parameters = { exchangeKeyForValue: () => undefined }
  const creator = module.get(ExternalContextCreator)
  const method = instance.grant as never
  const all = { guards: true, filters: true, interceptors: true }
  return creator.create(
    instance,
    method,
    'grant',
    '__routeArguments__',
    parameters,
    undefined,
    undefined,
    all,
    contextType,
  )
}

async function freePort(): Promise<number> {
  const { createServer } = await import('node:net')
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as { port: number }
  await new Promise((resolve) => server.close(resolve))
  return port
}
