import type { TokenManager } from '@evergrant/core'
import { authorizedCall } from './authorized-call.js'
import type { AdapterConfig, AxiosLike, RequestConfigLike, ResponseLike } from './axios-like.js'
import { bareAxios, originOf } from './bare-axios.js'
import { rememberTargets, type Target } from './target.js'

/** What {@link attachTokens} takes. */
export interface AttachTokensOptions<C extends RequestConfigLike = RequestConfigLike> {
  /** Hands out the tokens. Not closed by `detach`. */
  readonly tokens: TokenManager
  /**
   * The grant of every request, or a function that finds it from the request's config; when that returns
   * `undefined` the request leaves without a token. `evergrant` in a request's own config goes first.
   *
   * @defaultValue only requests that name their grant in `evergrant` get a token
   */
  readonly grantId?: string | ((config: C) => string | undefined | Promise<string | undefined>) | undefined
}

/**
 * Gives the requests of an existing Axios instance the access token of a grant: waits for a rotation where one
 * is needed, and when the API answers 401 sends the request once more with the next token, if there is one.
 *
 * A token goes only to URLs for which `tokens.isApiUrl` says yes; when the provider declares no `apiOrigins`,
 * also only to the origin of the instance's `baseURL`, if it has one. A request that already has an
 * `Authorization` header, `auth`, or credentials in its URL is left alone.
 *
 * The token is never in a config, a response or an error that axios hands to the application: `request` there
 * is a plain description, a response stream is one that does not lead back to its request, and an `httpAgent`
 * that is passed prints as its name.
 *
 * Instances can be attached to several managers: of those that could serve a request, one does. Not done here:
 * retries of anything but a 401, and the 401 of a request whose body is a stream.
 *
 * The promises of requests reject, besides with what axios throws, with `EvergrantError`s: what
 * `tokens.getAccessToken` throws, and `BODY_NOT_REPLAYABLE` when the API refused the token of a request whose
 * body is a stream. While a token is waited for, an aborted `signal` or `cancelToken` gives axios'
 * `CanceledError`, and a `timeout` that is over its `ECONNABORTED` (`ETIMEDOUT` with `clarifyTimeoutError`).
 *
 * @param instance - Made with `axios.create`, or `axios` itself; axios 1.0 or later.
 * @returns `detach`: later requests are left alone, those under way end as they began. May be called twice.
 * @throws TypeError naming the option that is wrong
 */
export function attachTokens<C extends RequestConfigLike>(
  instance: AxiosLike<C>,
  options: AttachTokensOptions<C>,
): () => void {
  if (typeof (instance as { create?: unknown } | undefined)?.create !== 'function') {
    throw optionError('instance', 'must be an Axios instance made with axios.create')
  }
  const { tokens, grantId: defaultGrantId } = options
  if (typeof tokens?.reportRejected !== 'function') throw optionError('tokens', 'must be a TokenManager')
  if (!['string', 'function', 'undefined'].includes(typeof defaultGrantId)) {
    throw optionError('grantId', 'must be a string or a function')
  }
  const bare = bareAxios(instance)
  // A name that no provider can declare (RFC 2606): who takes it takes everything.
  const takesAnyUrl = tokens.isApiUrl('https://evergrant.invalid')

  const targetOf = rememberTargets(bare, (url) => tokens.isApiUrl(url))

  function mayCarryToken({ isOfApi, isUnambiguous, origin }: Target, { adapter }: AdapterConfig): boolean {
    const { baseURL } = instance.defaults
    // A function of the application's puts the URL together by itself.
    if (!isOfApi || (typeof adapter === 'function' && !isUnambiguous)) return false
    return !takesAnyUrl || !baseURL || originOf(baseURL) === origin
  }

  function grantOf(config: AdapterConfig): string | undefined | Promise<string | undefined> {
    const { evergrant } = config
    if (evergrant === false) return undefined
    if (evergrant !== undefined) {
      // Never the default instead: that would be somebody else's grant.
      if (typeof evergrant?.grantId === 'string') return evergrant.grantId
      throw new TypeError("request config 'evergrant' must be { grantId: string } or false")
    }
    return typeof defaultGrantId === 'function' ? defaultGrantId(config as unknown as C) : defaultGrantId
  }

  // Without a promise of its own, as every request passes here.
  function send(config: AdapterConfig): Promise<ResponseLike> {
    const target = targetOf(config)
    const isOurs =
      target && mayCarryToken(target, config) && !config.auth && !config.headers.has('Authorization')
    if (!isOurs) return bare.send(config)
    const found = grantOf(config)
    return typeof found === 'string'
      ? authorizedCall({ bare, tokens, grantId: found, config, target })
      : sendOnceFound(found, config, target)
  }

  async function sendOnceFound(
    found: undefined | Promise<string | undefined>,
    config: AdapterConfig,
    target: Target,
  ): Promise<ResponseLike> {
    const grantId = await found
    return grantId === undefined
      ? bare.send(config)
      : authorizedCall({ bare, tokens, grantId, config, target })
  }

  // Which interceptor runs last is the application's affair; all that matters is decided in the adapter, after
  // the last of them and after the transforms. `synchronous`, not to make the application's asynchronous.
  const id = instance.interceptors.request.use(
    (config) => {
      const own = config as unknown as AdapterConfig
      const { adapter } = own
      own.adapter = (merged: AdapterConfig) => {
        // What a retry library finds in `error.config` is what the application put there.
        merged.adapter = adapter
        return send(merged)
      }
      return config
    },
    undefined,
    { synchronous: true },
  )
  let attached = true
  return () => {
    // Once only: older versions of axios may have given the number to another interceptor since.
    if (attached) instance.interceptors.request.eject(id)
    attached = false
  }
}

function optionError(name: string, problem: string): TypeError {
  return new TypeError(`attachTokens: option '${name}' ${problem}`)
}
