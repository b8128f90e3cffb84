import {
  createConnectFlow,
  createTokenManager,
  escrowed,
  fetchWithTokens,
  memoryStore,
  oauth2Provider,
  problemOf,
  type TokenStore,
} from '@evergrant/core'
import { echoes } from '../echo-server.js'
import type { Kind, Scene } from '../scene.js'
import { authorize, GRANT, openWorld, REDIRECT_URI } from '../world.js'

const core = (name: string, run: (scene: Scene) => Promise<void>): Kind => ({ area: 'core', name, run })

/** A store that fails as a careless driver does: with all that it was given. */
function failingStore(
  step: keyof TokenStore,
  good: TokenStore = memoryStore(),
): TokenStore & { broken: boolean } {
  const store = { ...good, broken: false }
  const own = good[step] as (request: unknown) => unknown
  return Object.assign(store, {
    [step](request: unknown) {
      if (!store.broken) return own(request)
      const text = JSON.stringify(request)
      const cause = Object.assign(new Error(text), { parameters: [request], detail: text })
      return Promise.reject(
        Object.assign(new Error(`cannot run ${text}`, { cause }), { request, code: text, name: text }),
      )
    },
  })
}

const stores = (
  ['load', 'save', 'acquire', 'arm', 'commit', 'release', 'fail', 'remove', 'list'] as const
).map((step) =>
  core(`a store whose ${step} fails with all that it was given`, async (scene) => {
    const store = failingStore(step)
    const { server, tokens, manager } = await openWorld(scene, { store })
    store.broken = true
    if (step === 'fail') server.answers.token = echoes['a refusal that quotes'] ?? server.answers.token
    await scene.ends(tokens.getAccessToken(GRANT, { forceRefresh: true }))
    await scene.ends(manager().getAccessToken(GRANT))
    await scene.ends(tokens.saveGrant('other', { access_token: scene.canaries.plant('access token') }))
    await scene.ends(tokens.exchangeCode(GRANT, { ...(await authorize(scene, tokens)), timeoutMs: 100 }))
    await scene.ends(tokens.list())
    await scene.ends(tokens.revoke(GRANT))
    await scene.ends(tokens.close())
    store.broken = false
  }),
)

const records = (['a record that is no JSON', 'a record that is other JSON'] as const).map((name) =>
  core(name, async (scene) => {
    const store = memoryStore()
    const { manager } = await openWorld(scene, { store })
    const secret = scene.canaries.plant('refresh token')
    const text = name.endsWith('no JSON') ? `{"refresh_token":"${secret}` : JSON.stringify([secret])
    const { record } = await store.load({ provider: 'passolution', grantId: GRANT })
    if (!record) throw new Error('nothing is stored')
    const { provider, grantId, chain, generation } = record
    await store.replaceSecret({ provider, grantId, chain, generation, from: record.secret, to: text })
    await scene.fails(manager().getAccessToken(GRANT))
  }),
)

const callbacks: Readonly<Record<string, (good: string) => string>> = {
  'another state': (good) => good.replace(/state=[^&]+/, 'state=forged'),
  'no state': (good) => good.replace(/&state=[^&]+/, ''),
  'an error of the provider': (good) => good.replace('code=', 'error=access_denied&error_description='),
  'an error that is the code': (good) => good.replace('code=', 'error='),
  'another issuer': (good) => `${good}&iss=https%3A%2F%2Fother.example`,
  'the code twice': (good) => `${good}&code=again`,
  'no URL at all': (good) => `//[${good}`,
  'a response in JARM': (good) => good.replace('code=', 'response='),
  'an id token': (good) => good.replace('code=', 'id_token='),
}

const authorizations = Object.entries(callbacks).map(([name, spoil]) =>
  core(`a callback with ${name}`, async (scene) => {
    const { tokens } = await openWorld(scene)
    const { callback, ...rest } = await authorize(scene, tokens)
    await scene.ends(tokens.exchangeCode(GRANT, { ...rest, callback: spoil(callback) }))
    await scene.ends(tokens.exchangeCode(GRANT, { ...rest, callback: new URLSearchParams(spoil(callback)) }))
  }),
)

const flows = ['a good end', 'a forged cookie', 'a replay', 'a refusal', 'another grant', 'an outage'].map(
  (name) =>
    core(`the connect flow comes to ${name}`, async (scene) => {
      const { server, tokens } = await openWorld(scene, { flavour: 'form body' })
      const secret = scene.canaries.plant('cookie key')
      const flow = createConnectFlow({ tokens, redirectUri: REDIRECT_URI, secret })
      scene.see('flow', flow)
      const begun = await flow.begin({ grantId: GRANT, returnTo: '/back' })
      const state = new URL(begun.url).searchParams.get('state') ?? ''
      scene.canaries.know('state', state)
      // The browser needs `state` in the URL; nothing else of it may be readable there.
      scene.see('cookies', begun.setCookies)
      scene.see('authorization URL', begun.url.replace(state, ''))
      const cookie = begun.setCookies.map((one) => one.split(';')[0]).join('; ')
      const query = new URLSearchParams({ code: scene.canaries.plant('code'), state })
      if (name === 'a refusal') server.answers.token = echoes['a refusal that quotes'] ?? server.answers.token
      if (name === 'an outage')
        server.answers.token = echoes['a connection that is cut'] ?? server.answers.token
      const complete = (more: object = {}) =>
        flow.complete({ callback: `${REDIRECT_URI}?${query}`, cookie, grantId: GRANT, ...more })
      if (name === 'a forged cookie')
        await scene.ends(complete({ cookie: `${cookie.slice(0, -9)}AAAAAAAAA` }))
      if (name === 'another grant') await scene.ends(complete({ grantId: 'somebody else' }))
      await scene.ends(complete())
      await scene.ends(complete())
    }),
)

const apiAnswers = Object.entries(echoes).map(([name, echo]) =>
  core(`fetchWithTokens gets ${name} from the API`, async (scene) => {
    const { server, tokens } = await openWorld(scene)
    server.answers.api = echo
    const outcome = await fetchWithTokens({ tokens, grantId: GRANT })(`${server.origin}/api`).catch(
      (e: unknown) => e,
    )
    // Headers and body of a reply are the API's own words, which the application asked for.
    if (outcome instanceof Response) {
      const { url, status, type, redirected } = outcome
      scene.see('reply', { url: name.includes('redirect') ? '' : url, status, type, redirected })
      await outcome.text().catch((error: unknown) => scene.see('error', error))
    } else {
      scene.see('error', outcome)
    }
  }),
)

const rejected: Kind[] = [
  core('an API that refuses every token', async (scene) => {
    const { server, tokens } = await openWorld(scene)
    server.answers.api = (_, reply) => void reply.writeHead(401).end('{}')
    const call = fetchWithTokens({ tokens, grantId: GRANT })
    scene.see('fetch', call)
    scene.see('reply', await call(`${server.origin}/api`))
    const body = new Blob(['x']).stream()
    const init = { method: 'POST', body, duplex: 'half' } as RequestInit
    await scene.ends(tokens.getAccessToken(GRANT))
    await scene.ends(call(`${server.origin}/api`, init))
  }),
  core('a provider that throws when the client authenticates', async (scene) => {
    const secret = scene.canaries.plant('client secret')
    const provider = oauth2Provider({
      id: 'p',
      clientId: 'c',
      tokenEndpoint: 'http://127.0.0.1:1/token',
      authorizationEndpoint: 'http://127.0.0.1:1/authorize',
      clientAuthentication: () => {
        throw Object.assign(new Error(`bad key ${secret}`), { secret, cause: secret })
      },
    })
    const { tokens } = await openWorld(scene, { provider })
    await scene.fails(tokens.getAccessToken(GRANT, { forceRefresh: true }))
    await scene.fails(tokens.exchangeCode(GRANT, await authorize(scene, tokens)))
    await scene.ends(tokens.revoke(GRANT))
  }),
  core('bad options and arguments that hold secrets', async (scene) => {
    const { tokens } = await openWorld(scene)
    const secret = scene.canaries.plant('client secret')
    const clientSecret = secret
    const endpoint = (url: string) => () =>
      oauth2Provider({ id: 'p', clientId: 'c', clientSecret, tokenEndpoint: url })
    await scene.fails(endpoint(`https://user:${secret}@server.example/token`))
    await scene.fails(endpoint(secret))
    await scene.fails(endpoint(`https://server.example/token#${secret}`))
    const bad = { id: 'p', clientId: 'c', tokenEndpoint: 'https://server.example/' }
    await scene.fails(() => oauth2Provider({ ...bad, clientSecret, clientAuthentication: secret as never }))
    await scene.fails(() => oauth2Provider({ ...bad, clientSecret: [secret] as never }))
    await scene.fails(() => createTokenManager({ provider: secret as never, store: memoryStore() }))
    await scene.fails(() =>
      createConnectFlow({ tokens, redirectUri: REDIRECT_URI, secret: secret.slice(0, 20) }),
    )
    await scene.fails(() => createConnectFlow({ tokens, redirectUri: secret, secret }))
    await scene.fails(() => tokens.saveGrant(`${secret}\n`, { access_token: secret }))
    await scene.fails(() => tokens.saveGrant(GRANT, secret as never))
    await scene.fails(() => tokens.saveGrant(GRANT, { access_token: secret, token_type: secret }))
    await scene.fails(() =>
      tokens.saveGrant(GRANT, { access_token: secret }, { receivedAtMs: secret as never }),
    )
    await scene.fails(() => tokens.reportRejected(secret as never))
    await scene.fails(() => tokens.exchangeCode(GRANT, { callback: 1, state: secret } as never))
  }),
  core('values in all ways of printing', async (scene) => {
    const { tokens, provider } = await openWorld(scene, { flavour: 'basic header' })
    const token = await tokens.getAccessToken(GRANT)
    scene.see(
      'token',
      token,
      [token],
      { token },
      new Map([[token, token]]),
      Object.assign(new Error('x'), { token }),
    )
    scene.see('console', Object.getOwnPropertyDescriptors(token), { ...token })
    scene.see('provider', Object.entries(provider), provider.clientAuthentication, { ...provider })
    console.log(token, provider, tokens, String(token))
    console.error('%s %o %O %j', token, token, token, token)
    console.dir({ tokens, provider }, { showHidden: true, depth: 10 })
    console.table([token])
    const request = await tokens.authorizationUrl({ redirectUri: REDIRECT_URI })
    scene.canaries.know('code verifier', request.codeVerifier)
    console.log(request, [request])
  }),
  core('an event listener that throws what it knows', async (scene) => {
    const { tokens } = await openWorld(scene, {
      onEvent: (event) => {
        scene.see('event', event)
        throw new Error(JSON.stringify(event))
      },
    })
    await scene.ends(tokens.getAccessToken(GRANT, { forceRefresh: true }))
  }),
  core('problem details of every failure', async (scene) => {
    const { server, tokens } = await openWorld(scene)
    server.answers.token = echoes['a refusal that quotes'] ?? server.answers.token
    const error = await scene.fails(tokens.getAccessToken(GRANT, { forceRefresh: true }))
    scene.see('problem', problemOf(error as never))
  }),
  core('an escrow whose local store fails with all that it was given', async (scene) => {
    const local = failingStore('save')
    const remote = failingStore('commit')
    const { tokens } = await openWorld(scene, { store: escrowed(remote, local) })
    local.broken = true
    remote.broken = true
    await scene.ends(tokens.getAccessToken(GRANT, { forceRefresh: true }))
    await scene.fails(tokens.close())
  }),
  core('a successor that cannot be stored until the end', async (scene) => {
    const store = failingStore('commit')
    const { tokens } = await openWorld(scene, { store })
    store.broken = true
    await scene.ends(tokens.getAccessToken(GRANT, { forceRefresh: true }))
    await scene.fails(tokens.close())
  }),
]

export const coreKinds: readonly Kind[] = [
  ...stores,
  ...records,
  ...authorizations,
  ...flows,
  ...apiAnswers,
  ...rejected,
]
