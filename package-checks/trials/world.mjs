/** The outside world of a trial: an emulated provider, and an API of its own before it that keeps what it got. */
import assert from 'node:assert/strict'
import { createServer } from 'node:http'
import { startAuthorizationServer } from '@evergrant/testing'

export async function startWorld() {
  const provider = await startAuthorizationServer({ preset: 'passolution' })
  const answers = []
  const answer = async (request, response) => {
    // What needs no token answers without one, as the examples expect of a health check.
    const { authorization } = request.headers
    const isOpen = request.url === '/health'
    const served = isOpen
      ? Response.json({ status: 'ok' })
      : await fetch(new URL(request.url, provider.origin), {
          headers: authorization ? { authorization } : {},
        })
    answers.push({ path: request.url, status: served.status })
    response.writeHead(served.status, { 'content-type': 'application/json' }).end(await served.text())
  }
  const api = createServer((request, response) => void answer(request, response))
  await new Promise((resolve) => api.listen(0, '127.0.0.1', resolve))
  process.env.AS = provider.origin
  process.env.API = `http://127.0.0.1:${api.address().port}`
  for (const name of ['CLIENT_ID', 'PASSOLUTION_CLIENT_ID']) process.env[name] = provider.clientId
  for (const name of ['CLIENT_SECRET', 'PASSOLUTION_CLIENT_SECRET']) process.env[name] = provider.clientSecret
  process.env.CONNECT_SECRET = 'long enough for a trial: thirty-two and more'
  return {
    provider,
    answers,
    /** The API refused a token, and what was refused came through with the next one: one rotation. */
    assertReplayed() {
      assert.deepEqual(
        answers.slice(0, 2).map(({ status }) => status),
        [401, 200],
      )
      assert.equal(provider.ledger.rotations().length, 1)
      assert.equal(provider.ledger.doubleSpends().length, 0)
    },
  }
}

/** Gets a page as a browser does that shows where it is sent. */
export async function visit(url, headers = {}, method = 'GET') {
  const response = await fetch(url, { redirect: 'manual', headers, method })
  return {
    status: response.status,
    location: response.headers.get('location'),
    cookie: response.headers
      .getSetCookie()
      .map((each) => each.split(';')[0])
      .join('; '),
    json: () => response.json(),
  }
}

/** Connects at `site` as a user would, until the application has sent the browser back to `returnTo`. */
export async function connect(site, returnTo) {
  const begun = await visit(`${site}/connect?returnTo=${returnTo}`)
  const consented = await visit(begun.location)
  const back = new URL(consented.location)
  const done = await visit(site + back.pathname + back.search, { cookie: begun.cookie })
  assert.deepEqual([done.status, done.location], [303, returnTo])
}

export async function freePort() {
  const probe = createServer().listen(0, '127.0.0.1')
  await new Promise((resolve) => probe.once('listening', resolve))
  const { port } = probe.address()
  await new Promise((resolve) => probe.close(resolve))
  return port
}
