import type { AccessToken } from '../access-token.js'
import type { EvergrantErrorCode } from '../errors.js'
import type { KeepAliveOptions } from './keep-alive.js'

/** How long a caller is ready to wait. Ending the wait never ends the rotation others wait for. */
export interface WaitOptions {
  /** Ends this caller's wait: the promise rejects with `signal.reason`. */
  readonly signal?: AbortSignal | undefined
  /** Milliseconds this caller waits at most, then `TIMEOUT`. @defaultValue the manager's `timeoutMs` */
  readonly timeoutMs?: number | undefined
}

/** Which token a caller wants, and how long it waits for it. */
export interface GetAccessTokenOptions extends WaitOptions {
  /**
   * The least validity the token must have when it is handed out, milliseconds.
   * @defaultValue a tenth of the token's lifetime, at most 30 000
   */
  readonly minValidityMs?: number | undefined
  /**
   * Rotate although the token looks fine. Callers who ask together share one rotation; within the minimum
   * interval after a rotation the token that it brought is returned.
   */
  readonly forceRefresh?: boolean | undefined
}

/**
 * A token endpoint's reply in OAuth's own names (RFC 6749 section 5.1), as it came from the wire or from your
 * table. `expires_in` is in seconds.
 */
export type TokenReply = {
  readonly access_token?: string | undefined
  readonly refresh_token?: string | undefined
  readonly expires_in?: number | string | undefined
  readonly token_type?: string | undefined
  readonly scope?: string | undefined
  /** Not used: accepted so that a whole reply can be passed on. */
  readonly id_token?: string | undefined
}

/** How a token reply is stored. */
export interface SaveGrantOptions {
  /** When the reply was received, epoch milliseconds: what `expires_in` counts from. @defaultValue now */
  readonly receivedAtMs?: number | undefined
  /** The reply has no refresh token: keep the stored one. @defaultValue false */
  readonly keepRefreshToken?: boolean | undefined
}

/** What is known of a grant; holds no secret. */
export interface GrantStatus {
  readonly grantId: string
  /** `dead`: the user must authorize again. */
  readonly state: 'live' | 'dead'
  /** Why it is dead. */
  readonly reason: string | undefined
  readonly chain: string
  readonly generation: number
  /** Epoch milliseconds, store clock; `null`: unknown. */
  readonly expiresAtMs: number | null
  /** When it is due for renewal; `null`: only on rejection. */
  readonly renewAtMs: number | null
  readonly committedAtMs: number
}

/** Which grants `list()` gives, a page at a time. */
export interface ListOptions {
  readonly state?: 'live' | 'dead' | undefined
  /** Continue after this grant: `next` of the page before. */
  readonly after?: string | undefined
  /** Grants a page, 1–1000. @defaultValue 100 */
  readonly limit?: number | undefined
}

/** One page of `list()`. */
export interface GrantPage {
  readonly grants: readonly GrantStatus[]
  /** Pass it as `after` for the next page; absent: this was the last. */
  readonly next?: string
}

/** What goes into the authorization request (RFC 6749 section 4.1.1). */
export interface AuthorizationUrlOptions {
  /** Where the provider sends the user back; must be registered there. */
  readonly redirectUri: string
  /** Space separated. @defaultValue the provider's `scope` */
  readonly scope?: string | undefined
  /** Further parameters, such as `prompt` or `audience`. */
  readonly parameters?: Readonly<Record<string, string>> | undefined
}

/**
 * Keep `state` and `codeVerifier` in the user's session; send the user's browser to `url`. `util.inspect` and the
 * console show nothing of it; `JSON.stringify` does, because a session has to keep it.
 */
export interface AuthorizationRequest {
  readonly url: string
  readonly state: string
  /** PKCE (RFC 7636): a secret of this login, never to be shown to the browser. */
  readonly codeVerifier: string
}

/** What the browser brought back, and what was kept since it left (RFC 6749 section 4.1.3, RFC 7636). */
export interface ExchangeCodeOptions extends WaitOptions {
  /** The URL, or its query parameters, at which the user came back. */
  readonly callback: URL | URLSearchParams | string
  /** From the {@link AuthorizationRequest} kept in the user's session. */
  readonly state: string
  readonly codeVerifier: string
  readonly redirectUri: string
}

/** What became of a revocation: the grant is removed here in any case. */
export interface RevokeResult {
  /** Whether there was such a grant. */
  readonly removed: boolean
  /** What became of it at the provider; `unsupported`: it has no revocation endpoint. */
  readonly atProvider: 'revoked' | 'failed' | 'unsupported'
}

/** How a manager is, as far as can be told without spending anything. Numbers and codes; no grant ids. */
export interface ManagerHealth {
  /**
   * `down`: the store did not answer, or the manager is closed. The provider's troubles and dead grants are no reason:
   * another process would have them too.
   */
  readonly status: 'up' | 'down'
  /** Why it is down. */
  readonly code?: EvergrantErrorCode
  /** Grants whose users must authorize again, counted up to a hundred. */
  readonly grantsNeedingAttention?: number
  /** There are more than were counted. */
  readonly moreNeedAttention?: boolean
  /** The provider refused the client's credentials: nothing but a probe is sent for this long. 0: it did not. */
  readonly clientPausedForMs: number
  /**
   * For this long the budget is used up, or the provider asked for silence, as this process heard when it last asked
   * the store for a request. 0: neither.
   */
  readonly budgetUsedUpForMs: number
}

/** Hands out access tokens of one provider's grants and rotates their refresh tokens. */
export interface TokenManager {
  /** `provider.id`: together with the grant's id the key in the store. */
  readonly provider: string

  /**
   * Whether a request to this absolute URL may carry a token: its origin is one of the provider's
   * `apiOrigins`; where the provider declares none, it is reached over TLS or on this machine. Adapters send tokens
   * nowhere else.
   */
  isApiUrl(url: string | URL): boolean

  /**
   * An access token that is valid for at least `minValidityMs`. From this process's memory when it is fresh;
   * otherwise one rotation is shared by all callers, here and in all other processes of the store.
   *
   * @throws EvergrantError `GRANT_NOT_FOUND`, `REAUTHORIZATION_REQUIRED`, `TIMEOUT`, `STORE_UNAVAILABLE`,
   *   `STORE_UNUSABLE`, `RATE_LIMITED`, `PROVIDER_UNAVAILABLE`, `OUTCOME_UNKNOWN`, `CLIENT_REJECTED`,
   *   `VALIDITY_UNATTAINABLE`, `UNEXPECTED`, `CLOSED`
   * @throws `signal.reason` when the signal ends this caller's wait
   */
  getAccessToken(grantId: string, options?: GetAccessTokenOptions): Promise<AccessToken>

  /**
   * The API refused this token with 401. Resolves with the token to send the request with once more: a newer
   * one if any process has it, else that of one rotation. `undefined`: no other token is to be had now (the
   * grant was rotated moments ago, and an API that refuses everyone must not burn tokens): let the 401 stand.
   *
   * @throws as {@link TokenManager.getAccessToken}
   */
  reportRejected(token: AccessToken, options?: WaitOptions): Promise<AccessToken | undefined>

  /**
   * Stores a new authorization. It replaces whatever was there and wins over any rotation in progress.
   *
   * @throws TypeError for a reply without any token
   * @throws EvergrantError `STORE_UNAVAILABLE`, `INVALID_REPLY` (a `token_type` or token that cannot be used),
   *   `CLOSED`; with `keepRefreshToken` also `TIMEOUT` and `OUTCOME_UNKNOWN` (the stored token may be spent)
   */
  saveGrant(grantId: string, reply: TokenReply, options?: SaveGrantOptions): Promise<GrantStatus>

  /** Begins an authorization code flow with PKCE and `state` (RFC 6749 section 4.1, RFC 7636). */
  authorizationUrl(options: AuthorizationUrlOptions): Promise<AuthorizationRequest>

  /**
   * Ends it: checks `state`, exchanges the code and stores the grant. With the store away it fails before the
   * code is spent.
   *
   * @throws EvergrantError `AUTHORIZATION_FAILED` (denied, forged or replayed), `CLIENT_REJECTED`,
   *   `INVALID_REPLY`, `RATE_LIMITED`, `PROVIDER_UNAVAILABLE`, `OUTCOME_UNKNOWN`, `STORE_UNAVAILABLE`,
   *   `UNEXPECTED` (the client authentication threw), `CLOSED`
   */
  exchangeCode(grantId: string, options: ExchangeCodeOptions): Promise<GrantStatus>

  /** What the store holds of this grant; `undefined`: nothing. */
  status(grantId: string): Promise<GrantStatus | undefined>

  /** This provider's grants in the order of their ids, a page at a time. */
  list(options?: ListOptions): Promise<GrantPage>

  /**
   * For health checks: one bounded read of the store, for at most `timeoutMs`. Nothing is sent to the provider, and
   * nothing taken from its budget.
   *
   * @param options - `timeoutMs`: @defaultValue 5 000, or the manager's `timeoutMs` where that is less
   * @throws `signal.reason`; nothing else: what is wrong is in the answer
   */
  health(options?: WaitOptions): Promise<ManagerHealth>

  /** Removes the grant here, then revokes its tokens at the provider (RFC 7009) where it can. */
  revoke(grantId: string): Promise<RevokeResult>

  /**
   * Begins to renew grants that nobody asks for, before they lapse: in the background share of the budget, each
   * grant by one process of the fleet. Ends with {@link TokenManager.close}; does not keep the process running.
   *
   * @throws TypeError for a bad option
   * @throws EvergrantError `CLOSED`
   */
  start(options?: KeepAliveOptions): void

  /**
   * Ends the manager: takes no new calls, lets rotations whose token was sent finish, and stores what they
   * brought. Does not close the store. Lets go of all tokens and of the client's secret (the provider's facts, if you
   * keep them, do not).
   *
   * @throws EvergrantError `UNCOMMITTED_SUCCESSOR` when a successor could not be stored within `closeTimeoutMs`
   */
  close(): Promise<void>
}
