import { createRequire } from 'node:module'
import { pathToFileURL } from 'node:url'
import { type OAuth2ProviderOptions, oauth2Provider, type ProviderFacts } from '@evergrant/core'

/** An application as it is registered at the server, and as Evergrant is told of it. */
export interface RegisteredClient {
  readonly name: string
  /** Client metadata (RFC 7591), what all clients have in common left out. */
  readonly registration: Readonly<Record<string, unknown>> & { readonly client_id: string }
  readonly authentication: Pick<OAuth2ProviderOptions, 'clientId' | 'clientSecret' | 'clientAuthentication'>
}

/** Has what HTTP Basic must encode (RFC 6749 section 2.3.1). */
const clientSecret = 's+e c%r:e/t&=~0123456789-0123456789'

const signingAlgorithm = { name: 'ECDSA', namedCurve: 'P-256' }

export async function createClients() {
  const keys = await crypto.subtle.generateKey(signingAlgorithm, true, ['sign', 'verify'])
  const publicKey = { ...(await crypto.subtle.exportKey('jwk', keys.publicKey)), use: 'sig', alg: 'ES256' }
  const { PrivateKeyJwt } = await protocolLibrary()
  const withSecret = (method: 'client_secret_post' | 'client_secret_basic'): RegisteredClient => ({
    name: method,
    registration: { client_id: method, client_secret: clientSecret, token_endpoint_auth_method: method },
    authentication: { clientId: method, clientSecret, clientAuthentication: method },
  })
  return {
    post: withSecret('client_secret_post'),
    basic: withSecret('client_secret_basic'),
    publicClient: {
      name: 'none',
      registration: { client_id: 'public', token_endpoint_auth_method: 'none' },
      authentication: { clientId: 'public', clientAuthentication: 'none' },
    },
    privateKey: {
      name: 'private_key_jwt',
      registration: {
        client_id: 'private-key',
        token_endpoint_auth_method: 'private_key_jwt',
        token_endpoint_auth_signing_alg: 'ES256',
        jwks: { keys: [publicKey] },
      },
      authentication: { clientId: 'private-key', clientAuthentication: PrivateKeyJwt(keys.privateKey) },
    },
  } satisfies Record<string, RegisteredClient>
}

/** What Evergrant has to know of the server: nothing of it is particular to `oidc-provider`. */
export function factsOf(issuer: string, { authentication }: RegisteredClient): ProviderFacts {
  return oauth2Provider({
    id: 'oidc-provider',
    ...authentication,
    issuer,
    authorizationEndpoint: `${issuer}/auth`,
    tokenEndpoint: `${issuer}/token`,
    revocationEndpoint: `${issuer}/token/revocation`,
    scope: 'openid offline_access',
  })
}

type ClientAuthentication = Exclude<OAuth2ProviderOptions['clientAuthentication'], string | undefined>

/** `oauth4webapi` as core has it: an application would depend on it by itself for this one function. */
async function protocolLibrary(): Promise<{ PrivateKeyJwt(key: CryptoKey): ClientAuthentication }> {
  const core = createRequire(import.meta.url).resolve('@evergrant/core/package.json')
  return import(pathToFileURL(createRequire(core).resolve('oauth4webapi')).href)
}
