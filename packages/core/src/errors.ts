const brand: unique symbol = Symbol.for('@evergrant/error') as never

/**
 * What went wrong, as a closed set. `docs/errors.md` has the table: what each means, whether the refresh token
 * may be spent, whether a retry is safe, and what the application should do.
 */
export type EvergrantErrorCode =
  | 'REAUTHORIZATION_REQUIRED'
  | 'GRANT_NOT_FOUND'
  | 'STORE_UNAVAILABLE'
  | 'STORE_UNUSABLE'
  | 'TIMEOUT'
  | 'RATE_LIMITED'
  | 'PROVIDER_UNAVAILABLE'
  | 'OUTCOME_UNKNOWN'
  | 'CLIENT_REJECTED'
  | 'VALIDITY_UNATTAINABLE'
  | 'AUTHORIZATION_FAILED'
  | 'INVALID_REPLY'
  | 'BODY_NOT_REPLAYABLE'
  | 'UNCOMMITTED_SUCCESSOR'
  | 'CLOSED'
  | 'UNEXPECTED'

/** What an {@link EvergrantError} tells besides its code; never a secret. */
export interface EvergrantErrorDetails {
  /** `provider.id` of the manager that says so. Absent in errors of stores. */
  readonly provider?: string | undefined
  /** The grant concerned. */
  readonly grantId?: string | undefined
  /** A short machine-readable reason, such as the provider's OAuth `error` code or a system error code. */
  readonly reason?: string | undefined
  /** When trying again can make sense, in milliseconds from now. */
  readonly retryAfterMs?: number | undefined
  /** Grants concerned, where there are several. */
  readonly grantIds?: readonly string[] | undefined
  /** Another error of ours, or one known to carry no secret. */
  readonly cause?: unknown
}

/**
 * Every failure that Evergrant reports. Tell them apart by {@link EvergrantError.code}; use
 * {@link isEvergrantError} instead of `instanceof`, which fails when a package is installed twice.
 *
 * Neither message, fields nor cause ever hold a token, a secret, a request or a reply. Mistakes of the
 * programmer (a bad option, a bad argument) are `TypeError`s, not this.
 */
export class EvergrantError extends Error {
  override readonly name = 'EvergrantError'
  readonly code: EvergrantErrorCode
  declare readonly provider?: string
  declare readonly grantId?: string
  declare readonly reason?: string
  declare readonly retryAfterMs?: number
  declare readonly grantIds?: readonly string[]

  constructor(code: EvergrantErrorCode, message: string, details: EvergrantErrorDetails = {}) {
    super(message, details.cause === undefined ? undefined : { cause: details.cause })
    this.code = code
    if (details.provider !== undefined) this.provider = details.provider
    if (details.grantId !== undefined) this.grantId = details.grantId
    if (details.reason !== undefined) this.reason = details.reason
    if (details.retryAfterMs !== undefined) this.retryAfterMs = details.retryAfterMs
    if (details.grantIds !== undefined) this.grantIds = details.grantIds
    Object.defineProperty(this, brand, { value: true })
  }
}

/** Whether `error` is one of ours (of this code), also across two copies of the package. */
export function isEvergrantError(error: unknown, code?: EvergrantErrorCode): error is EvergrantError {
  if (typeof error !== 'object' || error === null || !(brand in error)) return false
  return code === undefined || (error as { code?: unknown }).code === code
}
