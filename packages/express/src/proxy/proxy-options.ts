import type { Agent } from 'node:http'
import type { TokenManager } from '@evergrant/core'
import { checkOrigins, checkTokens, checkWhole, optionError } from '../check-options.js'
import { checkGrantId, type GrantIdOption } from '../grant/grant-of-request.js'
import { type ConnectUrl, checkConnectUrl } from '../problem-response.js'
import { ownAgent } from './own-agent.js'
import { createTarget, type Target } from './target.js'

/** What {@link tokenProxy} takes. */
export interface TokenProxyOptions {
  readonly tokens: TokenManager
  readonly grantId: GrantIdOption
  /** What requests are passed to: the mount path becomes this URL. One of the provider's API. */
  readonly target: string
  /** Longest body that is kept for a second try, bytes; longer ones are streamed. @defaultValue 262 144 */
  readonly bufferLimitBytes?: number | undefined
  /** Longest body at all, bytes; then 413. @defaultValue 104 857 600 */
  readonly maxBodyBytes?: number | undefined
  /** How long a request waits for a token, milliseconds. @defaultValue the manager's `timeoutMs` */
  readonly timeoutMs?: number | undefined
  /**
   * How long the API may be silent when it is its turn, milliseconds, and up to a quarter more; then 504 or the end. Does
   * not count while the client is slow: how long that may last is your server's affair (`server.requestTimeout`,
   * `server.timeout`).
   *
   * @defaultValue 60 000
   */
  readonly idleTimeoutMs?: number | undefined
  /** Origins besides this one whose pages may use the proxy. CORS is for you to answer. @defaultValue none */
  readonly allowedOrigins?: readonly string[] | undefined
  /** A header that every request must have, such as `x-requested-with`: no form and no link can send it. */
  readonly requiredHeader?: string | undefined
  /** Where a user connects (again), named in answers with status 401 of ours as `connect`. */
  readonly connectUrl?: ConnectUrl | undefined
  /** Keeps the connections to the API. @defaultValue one of our own that keeps them alive */
  readonly agent?: Agent | undefined
  /** Accepts a target without TLS outside loopback: every token travels in the open. */
  readonly dangerouslyAllowHttp?: boolean | undefined
}

export interface ProxySettings {
  readonly tokens: TokenManager
  readonly grantId: GrantIdOption
  readonly target: Target
  readonly bufferBytes: number
  readonly maxBytes: number
  readonly timeoutMs: number | undefined
  readonly idleTimeoutMs: number
  readonly origins: ReadonlySet<string>
  readonly requiredHeader: string | undefined
  readonly connectUrl: ConnectUrl | undefined
  readonly agent: Agent
}

const MAX_TIMER_MS = 2_147_483_647

/** Checks everything once and copies it. */
export function proxySettings(options: TokenProxyOptions): ProxySettings {
  const { tokens, grantId, requiredHeader, connectUrl, agent, timeoutMs, allowedOrigins = [] } = options
  const { bufferLimitBytes = 262_144, maxBodyBytes = 104_857_600, idleTimeoutMs = 60_000 } = options
  checkTokens(tokens)
  checkGrantId(grantId)
  const target = createTarget(options.target, tokens, options.dangerouslyAllowHttp === true)
  checkWhole('maxBodyBytes', maxBodyBytes, 0, Number.MAX_SAFE_INTEGER)
  checkWhole('bufferLimitBytes', bufferLimitBytes, 0, maxBodyBytes)
  checkWhole('idleTimeoutMs', idleTimeoutMs, 1, MAX_TIMER_MS)
  if (timeoutMs !== undefined) checkWhole('timeoutMs', timeoutMs, 0, Number.MAX_SAFE_INTEGER)
  if (requiredHeader !== undefined && !isHeaderName(requiredHeader)) {
    throw optionError('requiredHeader', 'must be the name of a header')
  }
  checkConnectUrl(connectUrl)
  if (agent !== undefined && typeof agent.createConnection !== 'function') {
    throw optionError('agent', 'must be an Agent of node:http or node:https')
  }
  // Agents that tell it per connection (for proxies, say) have it from their class.
  const only = agent && Object.hasOwn(agent, 'protocol') && (agent as { protocol?: unknown }).protocol
  if (only && only !== target.address.protocol)
    throw optionError('agent', `must be one for ${target.address.protocol}`)
  return {
    tokens,
    grantId,
    target,
    bufferBytes: bufferLimitBytes,
    maxBytes: maxBodyBytes,
    timeoutMs,
    idleTimeoutMs,
    origins: checkOrigins('allowedOrigins', allowedOrigins),
    requiredHeader: requiredHeader?.toLowerCase(),
    connectUrl,
    agent: agent ?? ownAgent(target.secure),
  }
}

function isHeaderName(name: unknown): name is string {
  return typeof name === 'string' && /^[\w!#$%&'*+.^`|~-]+$/.test(name)
}
