import {
  createTokenManager,
  type EvergrantEvent,
  memoryStore,
  oauth2Provider,
  type ProviderFacts,
  passolution,
  type TokenManager,
  type TokenManagerOptions,
} from '@evergrant/core'
import { type EchoServer, startEchoServer } from './echo-server.js'
import type { Scene } from './scene.js'

export const GRANT = 'agency'
export const REDIRECT_URI = 'http://127.0.0.1/connect/callback'

/** The ways in which secrets travel: in JSON, in a form, in a header. */
export const flavours = ['json body', 'form body', 'basic header'] as const
export type Flavour = (typeof flavours)[number]

/** Short waits: most scenes end in a failure. */
const timings = { requestTimeoutMs: 400, leaseMs: 400, armedLeaseMs: 900, settleMs: 50, maxHoldMs: 3_000 }

export interface World {
  readonly server: EchoServer
  readonly provider: ProviderFacts
  readonly tokens: TokenManager
  /** Another manager of the same store, which has seen nothing yet. */
  manager(options?: Partial<TokenManagerOptions>): TokenManager
}

/** The echoing server, and a manager with the grant `agency`; everything it is and tells is shown to the search. */
export async function openWorld(
  scene: Scene,
  options: Partial<TokenManagerOptions> & { readonly flavour?: Flavour } = {},
): Promise<World> {
  const { flavour = 'json body', ...rest } = options
  const server = await startEchoServer(scene)
  const provider = providerOf(flavour, server.origin, scene.canaries.plant('client secret'))
  const events: EvergrantEvent[] = []
  const store = rest.store ?? memoryStore()
  const manager = (more: Partial<TokenManagerOptions> = {}): TokenManager => {
    const tokens = createTokenManager({
      provider,
      store,
      timings,
      timeoutMs: 900,
      closeTimeoutMs: 200,
      onEvent: (event) => void events.push(event),
      ...rest,
      ...more,
    })
    scene.atEnd(async () => {
      await tokens.close().catch((error: unknown) => scene.see('close', error))
      scene.see('manager', tokens)
    })
    return tokens
  }
  const tokens = manager()
  scene.atEnd(() => {
    scene.see('event', ...events)
    scene.see('provider', provider)
    // The memory store keeps tokens on purpose; it shows none of them.
    scene.see('store', store)
  })
  await tokens.saveGrant(GRANT, {
    access_token: scene.canaries.plant('access token'),
    refresh_token: scene.canaries.plant('refresh token'),
    expires_in: 3600,
  })
  scene.see('status', await tokens.status(GRANT), await tokens.list())
  return { server, provider, tokens, manager }
}

function providerOf(flavour: Flavour, origin: string, clientSecret: string): ProviderFacts {
  const urls = {
    authorizationEndpoint: `${origin}/authorize`,
    tokenEndpoint: `${origin}/token`,
    revocationEndpoint: `${origin}/revoke`,
    apiOrigins: [origin],
  }
  if (flavour === 'json body') {
    const facts = passolution({ clientId: 'client', clientSecret, authorizationServer: origin, api: origin })
    return { ...facts, ...urls }
  }
  return oauth2Provider({
    id: 'echo',
    clientId: 'client',
    clientSecret,
    clientAuthentication: flavour === 'form body' ? 'client_secret_post' : 'client_secret_basic',
    reuse: 'refused',
    ...urls,
  })
}

export interface BegunAuthorization {
  readonly callback: string
  readonly state: string
  readonly codeVerifier: string
  readonly redirectUri: string
}

/** A user who comes back with a code. */
export async function authorize(scene: Scene, tokens: TokenManager): Promise<BegunAuthorization> {
  const request = await tokens.authorizationUrl({ redirectUri: REDIRECT_URI })
  scene.canaries.know('state', request.state)
  scene.canaries.know('code verifier', request.codeVerifier)
  const { state, codeVerifier } = request
  const query = new URLSearchParams({ code: scene.canaries.plant('code'), state })
  return { callback: `${REDIRECT_URI}?${query}`, state, codeVerifier, redirectUri: REDIRECT_URI }
}
