import type { ServerBehaviour } from './behaviour.js'
import type { Faults } from './faults.js'
import type { Gate, GateOptions } from './gates.js'
import type { Ledger } from './ledger.js'
import type { ServerClient } from './options.js'
import type { IssuedTokenReply } from './token-reply.js'

/** Where a running server is, and who may use it. */
export interface AuthorizationServerFacts {
  /** `http://127.0.0.1:port`, no slash at the end. */
  readonly issuer: string
  /** The same as `issuer`. */
  readonly origin: string
  readonly authorizationEndpoint: string
  readonly tokenEndpoint: string
  readonly revocationEndpoint: string
  /** An API address that asks for a Bearer token; so does everything else under `/api/`. */
  readonly apiUrl: string
  /** Where other processes control this server, see `connectAuthorizationServer`; `null` without `control`. */
  readonly controlUrl: string | null
  /** The first registered client. */
  readonly clientId: string
  /** Its secret at the start; empty for a public client. */
  readonly clientSecret: string
  /** Give it as option to get the same tokens and faults again. */
  readonly seed: string
}

/** Whose grant to make. */
export interface IssueGrantOptions {
  /** @defaultValue the first registered client */
  readonly clientId?: string
  /** The user. @defaultValue `'user-1'` */
  readonly sub?: string
  /** Space separated. @defaultValue `'*'` */
  readonly scope?: string
}

/** What a code should stand for. */
export interface IssueCodeOptions extends IssueGrantOptions {
  /** Must be repeated at the exchange. @defaultValue not asked for */
  readonly redirectUri?: string
  /** PKCE challenge (S256). @defaultValue no verifier is asked for */
  readonly codeChallenge?: string
}

/**
 * A running emulated authorization server with its API.
 *
 * All methods act at once, also on requests that are being served.
 */
export interface AuthorizationServer extends AuthorizationServerFacts {
  readonly ledger: Ledger
  readonly faults: Faults
  /** Shuts a gate: requests that match wait there until it is opened. */
  gate(options?: GateOptions): Gate
  /** Makes a grant as if a user had just authorized: the reply of the code exchange. Not in the ledger. */
  issueGrant(options?: IssueGrantOptions): IssuedTokenReply & { readonly refresh_token: string }
  /** The family (grant) that a token belongs to, as ledger, faults and gates name it; `null` if unknown. */
  familyOf(token: string): string | null
  /** Makes an authorization code as if a user had just consented. */
  issueCode(options?: IssueCodeOptions): string
  /** Ends the life of access tokens now, of one family or of all; refresh tokens live on. Returns how many. */
  expireAccessTokens(family?: string): number
  /** Revokes one access token; false if it was not alive. */
  revokeAccessToken(accessToken: string): boolean
  /** Revokes a whole grant, given by its family or any of its tokens; false if there is none alive. */
  revokeFamily(familyOrToken: string): boolean
  /** Whether this refresh token would be accepted now; changes nothing. */
  isAlive(refreshToken: string): boolean
  /** Changes a client's secret. @defaultValue of `clientId`: the first client */
  setClientSecret(clientSecret: string, clientId?: string): void
  /** Changes knobs for what comes; tokens already issued keep their expiry. */
  configure(changes: Partial<ServerBehaviour>): void
  /** The knobs as they stand. */
  behaviour(): ServerBehaviour
  readonly clients: readonly ServerClient[]
  /** Cuts every connection, drops what is held, and frees the port. May be called twice; never hangs. */
  close(): Promise<void>
}
