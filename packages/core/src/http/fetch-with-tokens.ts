import type { AccessToken } from '../access-token.js'
import { checkNumber, optionError } from '../check-options.js'
import { EvergrantError } from '../errors.js'
import type { TokenManager, WaitOptions } from '../manager/token-manager.js'
import { BearerHeaders, bearer } from './bearer-headers.js'
import { isReplayable, takenNow } from './request-body.js'
import { scrubError } from './scrub-error.js'

/** What {@link fetchWithTokens} takes. */
export interface FetchWithTokensOptions {
  readonly tokens: TokenManager
  /** Whose token: one grant, or chosen for each request. */
  readonly grantId:
    | string
    | ((request: { readonly url: URL; readonly method: string }) => string | Promise<string>)
  /** @defaultValue the runtime's `fetch` at the time of each call */
  readonly fetch?: typeof fetch
  /** Aborts every request, besides its own signal: for a `fetch` that belongs to one job. */
  readonly signal?: AbortSignal
  /** How long a request waits for its token, milliseconds. @defaultValue the manager's `timeoutMs` */
  readonly timeoutMs?: number
}

/**
 * A `fetch` that sends the grant's token along, and after a 401 sends the request once more with the token that
 * replaces it. Use it wherever a `fetch` is asked for.
 *
 * Requests to URLs that are none of the provider's API, and requests with an `authorization` header of their
 * own, pass through untouched. Bodies given as text, bytes, `Blob` or `URLSearchParams`, and the body of a `Request`
 * (kept in memory until the answer begins), are sent again as they were, a `FormData` with another boundary; a
 * `ReadableStream` can be sent only once.
 *
 * @throws TypeError naming the option that is wrong
 * @returns a `fetch`; it rejects as `fetch` does (with anything removed that quotes the token), and with
 *   EvergrantErrors as `getAccessToken` does. `BODY_NOT_REPLAYABLE`: the API refused the token and the body was a stream that is spent; send it anew
 */
export function fetchWithTokens(options: FetchWithTokensOptions): typeof fetch {
  const { tokens, grantId, timeoutMs } = options
  if (typeof tokens?.getAccessToken !== 'function') throw optionError('tokens', 'must be a TokenManager')
  if (typeof grantId !== 'string' && typeof grantId !== 'function') {
    throw optionError('grantId', 'must be a string or a function')
  }
  if (timeoutMs !== undefined) checkNumber('timeoutMs', timeoutMs, { min: 0 })
  if (options.signal !== undefined && typeof options.signal?.addEventListener !== 'function') {
    throw optionError('signal', 'must be an AbortSignal')
  }
  if (options.fetch !== undefined && typeof options.fetch !== 'function') {
    throw optionError('fetch', 'must be a function')
  }
  const send: typeof fetch = options.fetch ?? ((input, init) => fetch(input, init))
  const isOfApi = rememberApiUrls((url) => tokens.isApiUrl(url))

  function sendTaken(input: Parameters<typeof fetch>[0], asked?: RequestInit): Promise<Response> {
    const request = input instanceof Request ? input : undefined
    const href = input instanceof Request ? input.url : String(input)
    const given = asked?.headers ?? request?.headers
    // A `fetch` of the application's gets what it always got.
    const headers = given || options.fetch ? new Headers(given) : undefined
    const init = options.signal
      ? { ...takenNow(asked ?? {}), signal: eitherSignal(asked?.signal ?? request?.signal, options.signal) }
      : asked && takenNow(asked)
    if (!isOfApi(href) || headers?.has('authorization')) return send(input, options.signal ? init : asked)

    // Its body becomes ours, as it would become `fetch`'s.
    const keepsBody = request?.body && (init?.body ?? undefined) === undefined
    const own = keepsBody ? new Request(request) : request
    const answer = sendWithToken({ href, request: own, init, headers })
    if (!keepsBody) return answer
    return answer.finally(() => {
      // What was kept and not sent must not be held by the tee; what was sent is not ours any more and refuses this.
      // Not waited for: an answer may come before the body has ended, and the tee lets go only then.
      own?.body?.cancel().catch(() => {})
    })
  }

  async function sendWithToken({ href, request, init, headers }: TakenRequest): Promise<Response> {
    const method = init?.method ?? request?.method ?? 'GET'
    const wait = { signal: init?.signal ?? request?.signal, timeoutMs }
    // Here and below: no wait where there is nothing to wait for, as each costs every request time.
    const id = typeof grantId === 'string' ? grantId : await grantId({ url: new URL(href), method })
    const token = await tokens.getAccessToken(id, wait)
    const hasBody = init?.body !== undefined && init.body !== null
    const canReplay = !hasBody || isReplayable(init.body)
    // A Request's body can be read once: the copy is sent first, the original kept for the replay.
    const first = request?.body && !hasBody ? request.clone() : request
    let sent = token
    try {
      const answer = await send(first ?? href, withToken(init, headers, sent))
      const next = answer.status === 401 ? await replacementAfter(answer, href, token, wait) : undefined
      if (!next) return answer
      await answer.body?.cancel()
      if (!canReplay) {
        const message = 'The API refused the token, and the body was a stream that can be sent only once'
        throw new EvergrantError('BODY_NOT_REPLAYABLE', message, { provider: token.provider, grantId: id })
      }
      sent = next
      return await send(request ?? href, withToken(init, headers, sent))
    } catch (error) {
      throw scrubError(error, sent)
    }
  }

  return (input, asked) => {
    try {
      return sendTaken(input, asked)
    } catch (error) {
      return Promise.reject(error)
    }
  }

  /** The token to send it with once more; `undefined`: the 401 stands. */
  async function replacementAfter(
    answer: Response,
    href: string,
    token: AccessToken,
    wait: WaitOptions,
  ): Promise<AccessToken | undefined> {
    // A redirect to another origin went without the token: a 401 from there says nothing about it.
    const strayed = answer.redirected && new URL(answer.url).origin !== new URL(href).origin
    if (strayed) return undefined
    try {
      return await tokens.reportRejected(token, wait)
    } catch (error) {
      await answer.body?.cancel()
      throw error
    }
  }
}

/** A request as it was at the call. */
interface TakenRequest {
  readonly href: string
  readonly request: Request | undefined
  readonly init: RequestInit | undefined
  readonly headers: Headers | undefined
}

function eitherSignal(own: AbortSignal | null | undefined, ofAll: AbortSignal): AbortSignal {
  return own ? AbortSignal.any([own, ofAll]) : ofAll
}

/** Then all are forgotten: applications that put ids into URLs have no end of them. */
const MOST_URLS = 500

/** Most applications ask for the same few URLs, and to take one apart takes time. */
function rememberApiUrls(isApiUrl: (url: URL) => boolean): (href: string) => boolean {
  const known = new Map<string, boolean>()
  return (href) => {
    const before = known.get(href)
    if (before !== undefined) return before
    const isOfApi = isApiUrl(new URL(href))
    if (known.size >= MOST_URLS) known.clear()
    known.set(href, isOfApi)
    return isOfApi
  }
}

/** The token sits only in these headers, a private copy, never in what the application passed in. */
function withToken(
  init: RequestInit | undefined,
  headers: Headers | undefined,
  token: AccessToken,
): RequestInit {
  const authorization = bearer(token)
  // Read like a record, which the class has no other reason to claim to be.
  if (!headers)
    return { ...init, headers: new BearerHeaders(authorization) as unknown as Record<string, string> }
  headers.set('authorization', authorization)
  return { ...init, headers }
}
