import type { AuthorizationServer } from './authorization-server.js'
import type { ServerState } from './server-state.js'
import { tokenReply } from './token-reply.js'

/** The controls that act on tokens and clients. */
export type ServerControls = Pick<
  AuthorizationServer,
  | 'issueGrant'
  | 'familyOf'
  | 'issueCode'
  | 'expireAccessTokens'
  | 'revokeAccessToken'
  | 'revokeFamily'
  | 'isAlive'
  | 'setClientSecret'
>

/** Direct controls, for what tests would otherwise need a browser or a clock for. */
export function serverControls(state: ServerState, defaultClientId: string): ServerControls {
  const { behaviour, clients, codes, families, now } = state
  const known = (clientId: string): string => {
    if (!clients.get(clientId)) throw new TypeError(`there is no client '${clientId}'`)
    return clientId
  }
  return {
    issueGrant({ clientId = defaultClientId, sub = 'user-1', scope = '*' } = {}) {
      const nowMs = now()
      const pair = families.issue({ clientId: known(clientId), sub, scope }, nowMs)
      return { ...tokenReply(pair, behaviour(), nowMs), refresh_token: pair.refreshToken ?? '' }
    },
    familyOf: (token) => families.familyOf(token),
    issueCode(options = {}) {
      const { clientId = defaultClientId, sub = 'user-1', scope = '*', redirectUri, codeChallenge } = options
      const grant = {
        owner: { clientId: known(clientId), sub, scope },
        redirectUri: redirectUri ?? null,
        codeChallenge: codeChallenge ?? null,
      }
      return codes.issue(grant, now() + behaviour().codeLifetimeMs)
    },
    expireAccessTokens: (family) => families.expireAccessTokens(family ?? null, now()),
    revokeAccessToken: (accessToken) => families.revokeAccessToken(accessToken),
    revokeFamily: (familyOrToken) =>
      families.revokeFamily(families.familyOf(familyOrToken) ?? familyOrToken, 'control'),
    isAlive: (refreshToken) => families.isAlive(refreshToken, now()),
    setClientSecret(clientSecret, clientId = defaultClientId) {
      clients.setSecret(clientId, clientSecret)
    },
  }
}
