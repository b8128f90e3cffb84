import { createServer, type IncomingHttpHeaders, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { text } from 'node:stream/consumers'
import type { Scene } from './scene.js'

export interface Received {
  readonly method: string
  readonly url: string
  readonly headers: IncomingHttpHeaders
  readonly body: string
  /** Everything of it that can be secret, as a text: what a careless server says back. */
  readonly all: string
}

export type Answer = (received: Received, reply: ServerResponse) => void

/** An authorization server with an API that says back what it was sent, in all places where a reply has room. */
export interface EchoServer {
  readonly origin: string
  readonly received: readonly Received[]
  /** How it answers at each of its paths, until it is told otherwise. */
  readonly answers: { token: Answer; api: Answer; revoke: Answer }
}

export async function startEchoServer(scene: Scene): Promise<EchoServer> {
  const received: Received[] = []
  const answers = {
    token: issueTokens(scene),
    api: json(200, () => ({ ok: true })),
    revoke: json(200, () => ({})),
  }
  const http = createServer((request, reply) => {
    text(request).then(
      (body) => {
        const { method = '', url = '', headers } = request
        const all = [headers.authorization ?? '', decodeURIComponent(body.replaceAll('+', ' ')), body].join(
          ' ',
        )
        const one: Received = { method, url, headers, body, all }
        const verifier = fieldOf(body, 'code_verifier')
        if (verifier) scene.canaries.know('code verifier', verifier)
        received.push(one)
        const [, path = ''] = url.split(/[/?]/)
        const answer = answers[path as keyof typeof answers] ?? answers.api
        answer(one, reply)
      },
      () => reply.destroy(),
    )
  })
  await new Promise<void>((resolve) => http.listen(0, '127.0.0.1', resolve))
  scene.atEnd(async () => {
    http.closeAllConnections()
    await new Promise((resolve) => http.close(resolve))
  })
  return { origin: `http://127.0.0.1:${(http.address() as AddressInfo).port}`, received, answers }
}

/** Of a form or a JSON body. */
function fieldOf(body: string, name: string): string | undefined {
  if (!body.startsWith('{')) return new URLSearchParams(body).get(name) ?? undefined
  return (JSON.parse(body) as Record<string, string>)[name]
}

export const json =
  (status: number, members: (received: Received) => unknown): Answer =>
  (received, reply) => {
    reply.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(members(received)))
  }

/** A good reply with a new pair. */
export const issueTokens = (scene: Scene, more: (received: Received) => object = () => ({})): Answer =>
  json(200, (received) => ({
    token_type: 'Bearer',
    expires_in: 3600,
    access_token: scene.canaries.plant('access token'),
    refresh_token: scene.canaries.plant('refresh token'),
    ...more(received),
  }))

/** One line, as headers need it. */
const line = ({ all }: Received): string => all.replace(/[^\x20-\x7e]/g, ' ').slice(0, 4_000)

const echo = ({ all, url }: Received) => ({
  error_description: all,
  error_uri: `https://docs.example/?${encodeURIComponent(all)}`,
  hint: all,
  message: all,
  request: { url, all, base64: Buffer.from(all).toString('base64') },
})

/** What the API and the token endpoint say back, and how. */
export const echoes: Readonly<Record<string, Answer>> = {
  'an error with a description that quotes': json(400, (r) => ({ error: 'invalid_request', ...echo(r) })),
  'a refusal that quotes': json(400, (r) => ({ error: 'invalid_grant', ...echo(r) })),
  'an error code that is the request': json(400, (r) => ({ error: r.all, error_description: r.all })),
  'an error code that is the token': json(400, (r) => ({
    error: secretIn(r).toLowerCase().replace(/\W/g, '_').slice(0, 40),
  })),
  'a refusal with 200 that quotes': json(200, (r) => ({ error: 'bad_refresh_token', ...echo(r) })),
  'a wrong client that quotes': json(401, (r) => ({ error: 'invalid_client', ...echo(r) })),
  'headers that quote': (r, reply) => {
    reply.setHeader('WWW-Authenticate', `Bearer error="invalid_token", error_description="${line(r)}"`)
    for (const name of [
      'X-Echo',
      'Retry-After',
      'X-RateLimit-Reset',
      'Date',
      'Content-Location',
      'Link',
      'ETag',
    ])
      reply.setHeader(name, line(r))
    reply.setHeader('Set-Cookie', [`echo=${encodeURIComponent(line(r))}`])
    reply.writeHead(400, { 'content-type': 'application/json' }).end('{"error":"invalid_request"}')
  },
  'a status line that quotes': (r, reply) => void reply.writeHead(400, line(r)).end('{}'),
  'a redirect that quotes': (r, reply) =>
    void reply.writeHead(302, { location: `/elsewhere?${encodeURIComponent(r.all)}` }).end(),
  'a redirect that would repeat the request': (r, reply) =>
    void reply.writeHead(307, { location: `/elsewhere?${encodeURIComponent(r.all)}` }).end(),
  'a page that quotes': (r, reply) =>
    void reply.writeHead(403, { 'content-type': 'text/html' }).end(`<html>${r.all}</html>`),
  'a reply that says it is JSON and quotes': (r, reply) =>
    void reply.writeHead(200, { 'content-type': 'application/json' }).end(`Fatal error: ${r.all}`),
  'JSON that is cut in the middle of a quote': (r, reply) =>
    void reply
      .writeHead(200, { 'content-type': 'application/json' })
      .end(`{"error":"x","hint":"${r.all.slice(0, 40)}`),
  'a crash that quotes': json(500, echo),
  'an outage that quotes': json(503, echo),
  'too many requests, quoted': (r, reply) =>
    void reply.writeHead(429, { 'retry-after': '90', 'x-echo': line(r) }).end(r.all),
  'a connection that is cut': (_, reply) => void reply.destroy(),
  'a connection that is cut in a quote': (r, reply) => {
    reply.writeHead(200, { 'content-length': '100000' }).write(r.all)
    setTimeout(() => reply.destroy(), 5)
  },
  'no HTTP at all, but a quote': (r, reply) => void reply.socket?.end(`NOT HTTP ${r.all}\r\n\r\n`),
}

/** The most secret part of a request. */
export function secretIn({ body, headers }: Received): string {
  for (const name of ['refresh_token', 'code', 'token', 'client_secret']) {
    const value = fieldOf(body, name)
    if (value) return value
  }
  return headers.authorization ?? ''
}
