import {
  type Agent,
  createServer,
  type IncomingHttpHeaders,
  type IncomingMessage,
  request,
  type ServerOptions,
  type ServerResponse,
} from 'node:http'
import { type AddressInfo, connect, createServer as createTcpServer, type Socket } from 'node:net'
import { buffer } from 'node:stream/consumers'
import {
  createTokenManager,
  memoryStore,
  passolution,
  type TokenManager,
  type TokenManagerOptions,
} from '@evergrant/core'
import {
  type AuthorizationServer,
  type AuthorizationServerOptions,
  startAuthorizationServer,
} from '@evergrant/testing'
import express5, { type Express } from 'express'
import express4 from 'express4'
import { afterEach } from 'vitest'

export const versions = [
  ['Express 4', express4],
  ['Express 5', express5],
] as const

const cleanups: (() => unknown)[] = []

afterEach(async () => {
  for (const clean of cleanups.splice(0).reverse()) await clean()
})

export interface World {
  readonly server: AuthorizationServer
  readonly tokens: TokenManager
  /** Every secret that was given out so far: tokens, codes. */
  readonly canaries: readonly string[]
  /** Makes the API refuse the token that is handed out now. */
  revokeToken(): Promise<void>
}

export interface WorldOptions extends Partial<TokenManagerOptions> {
  readonly behaviour?: AuthorizationServerOptions
  /** Where the API is. @defaultValue the emulated server */
  readonly api?: string
}

/** The emulated server and a manager that has the grant `agency`. */
export async function startWorld({ api, behaviour, ...options }: WorldOptions = {}): Promise<World> {
  const server = await startAuthorizationServer({ preset: 'passolution', ...behaviour })
  cleanups.push(() => server.close())
  const { origin, clientId, clientSecret } = server
  const canaries: string[] = [clientSecret]
  const tokens = createTokenManager({
    provider: {
      ...passolution({ clientId, clientSecret, authorizationServer: origin, api: api ?? origin }),
      revocationEndpoint: server.revocationEndpoint,
    },
    store: memoryStore(),
    // Reads the replies on the way, to know what must not be found anywhere.
    async fetch(input, init) {
      const response = await fetch(input, init)
      const text = await response.clone().text()
      for (const [, token = ''] of text.matchAll(/"(?:access|refresh)_token": ?"([^"]+)"/g))
        canaries.push(token)
      return response
    },
    ...options,
  })
  cleanups.push(() => tokens.close())
  const grant = server.issueGrant()
  canaries.push(grant.access_token, grant.refresh_token)
  await tokens.saveGrant('agency', grant)
  return {
    server,
    tokens,
    canaries,
    async revokeToken() {
      server.revokeAccessToken((await tokens.getAccessToken('agency')).reveal())
    },
  }
}

/** Serves an application on loopback. */
export async function serve(app: Express, options: ServerOptions = {}): Promise<string> {
  return listen((req, res) => void app(req, res), options)
}

async function listen(
  listener: (req: IncomingMessage, res: ServerResponse) => void,
  options: ServerOptions = {},
): Promise<string> {
  const http = createServer(options, listener)
  await new Promise<void>((resolve) => http.listen(0, '127.0.0.1', resolve))
  cleanups.push(() => {
    http.closeAllConnections()
    return new Promise((resolve) => http.close(resolve))
  })
  return `http://127.0.0.1:${(http.address() as AddressInfo).port}`
}

export interface SeenRequest {
  readonly method: string
  readonly url: string
  readonly headers: IncomingHttpHeaders
  readonly rawHeaders: readonly string[]
  readonly body: Buffer
}

export interface RecordingApi {
  readonly origin: string
  readonly seen: readonly SeenRequest[]
  /** Requests that began, also those whose body never came whole. */
  readonly begun: readonly IncomingMessage[]
}

/** An API that keeps every byte it got, and then answers as it is told. */
export async function startApi(
  answer: (res: ServerResponse, seen: SeenRequest, index: number) => void = (res) => res.end('{}'),
): Promise<RecordingApi> {
  const seen: SeenRequest[] = []
  const begun: IncomingMessage[] = []
  const origin = await listen((req, res) => {
    begun.push(req)
    buffer(req).then(
      (body) => {
        const { method = '', url = '', headers, rawHeaders } = req
        const request = { method, url, headers, rawHeaders, body }
        answer(res, request, seen.push(request) - 1)
      },
      () => {},
    )
  })
  return { origin, seen, begun }
}

/** An API that speaks whatever bytes it is told to, once it has read the head of a request. */
export async function startRawApi(speak: (socket: Socket, index: number) => void): Promise<string> {
  const sockets = new Set<Socket>()
  let count = 0
  const tcp = createTcpServer((socket) => {
    sockets.add(socket)
    socket.on('error', () => {})
    socket.on('data', (chunk) => {
      if (chunk.includes('\r\n\r\n')) speak(socket, count++)
    })
  })
  await new Promise<void>((resolve) => tcp.listen(0, '127.0.0.1', resolve))
  cleanups.push(() => {
    for (const socket of sockets) socket.destroy()
    return new Promise((resolve) => tcp.close(resolve))
  })
  return `http://127.0.0.1:${(tcp.address() as AddressInfo).port}`
}

/** Writes bytes as they are, and reads until the other side closes. */
export function sendRaw(origin: string, bytes: string): Promise<string> {
  const { port } = new URL(origin)
  return new Promise((resolve) => {
    const socket = connect(Number(port), '127.0.0.1')
    let text = ''
    socket.on('data', (chunk) => {
      text += chunk.toString('latin1')
    })
    socket.on('error', () => {})
    socket.on('close', () => resolve(text))
    socket.write(bytes, 'latin1')
  })
}

export interface Answer {
  readonly status: number
  readonly headers: IncomingHttpHeaders
  readonly rawHeaders: readonly string[]
  readonly text: string
}

/** A request with exactly this path, which `fetch` would tidy up first. */
export function get(
  url: string,
  {
    path,
    ...options
  }: { path?: string; method?: string; headers?: Record<string, string | string[]>; agent?: Agent } = {},
  body?: string | Buffer,
): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const call = request(url, { ...options, ...(path !== undefined && { path }) }, (res) => {
      buffer(res).then((bytes) => {
        const { statusCode = 0, headers, rawHeaders } = res
        resolve({ status: statusCode, headers, rawHeaders, text: bytes.toString() })
      }, reject)
    })
    call.on('error', reject)
    call.end(body)
  })
}
