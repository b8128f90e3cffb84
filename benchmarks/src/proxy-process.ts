/**
 * Proxies side by side in one Express application, all on `node:http`: ours, the least that one can write, and a
 * published one as it comes.
 */
import { Agent, request as httpRequest, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { createTokenManager, memoryStore, oauth2Provider } from '@evergrant/core'
import { tokenProxy } from '@evergrant/express'
import express from 'express'
import { createProxyServer } from 'httpxy'

const { api } = JSON.parse(process.argv[2] ?? '') as { api: string }
const tokens = createTokenManager({
  provider: oauth2Provider({
    id: 'p',
    clientId: 'c',
    tokenEndpoint: 'http://127.0.0.1:9/token',
    apiOrigins: [api],
  }),
  store: memoryStore(),
})
await tokens.saveGrant('agency-42', { access_token: 'access', refresh_token: 'refresh', expires_in: 86_400 })

const agent = new Agent({ keepAlive: true })
const { hostname, port, host } = new URL(api)

function barely(req: IncomingMessage, res: ServerResponse): void {
  const headers = { ...req.headers, host, authorization: 'Bearer access' }
  const call = httpRequest(
    { agent, hostname, port, method: req.method, path: req.url, headers },
    (answer) => {
      res.writeHead(answer.statusCode ?? 502, answer.headers)
      answer.pipe(res)
    },
  )
  call.on('error', () => res.destroy())
  req.pipe(call)
}

const published = createProxyServer({
  target: api,
  agent: new Agent({ keepAlive: true }),
  changeOrigin: true,
  headers: { authorization: 'Bearer access' },
})

const app = express()
app.use('/ours', tokenProxy({ tokens, grantId: 'agency-42', target: `${api}/` }))
app.use('/bare', barely)
app.use('/published', (req, res) => void published.web(req, res))
const server = app.listen(0, '127.0.0.1', () => {
  process.send?.({ origin: `http://127.0.0.1:${(server.address() as AddressInfo).port}` })
})
process.once('disconnect', () => process.exit(0))
