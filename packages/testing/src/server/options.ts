import { randomBytes } from 'node:crypto'
import type { ServerBehaviour } from './behaviour.js'
import { type ServerPreset, serverPresets } from './presets.js'

/** A registered application. */
export interface ServerClient {
  readonly clientId: string
  /** Without one the client is public: it is never asked for a secret. */
  readonly clientSecret?: string
  /** Redirect URIs the authorization endpoint accepts, compared exactly. @defaultValue any */
  readonly redirectUris?: readonly string[]
}

/** Options of the server; any field of {@link ServerBehaviour} overrides the preset's. */
export interface AuthorizationServerOptions extends Partial<ServerBehaviour> {
  /** Which server to behave like. @defaultValue `'passolution'` */
  readonly preset?: ServerPreset
  /** Registered applications. @defaultValue one, `test-client` with the secret `test-secret` */
  readonly clients?: readonly ServerClient[]
  /** TCP port on 127.0.0.1; 0 takes a free one. @defaultValue 0 */
  readonly port?: number
  /** Makes token strings and the chance of faults repeatable. @defaultValue random, see `server.seed` */
  readonly seed?: string
  /** The server's clock, epoch milliseconds; latency and slow bytes run on real timers. @defaultValue `Date.now` */
  readonly now?: () => number
  /** Opens the HTTP control path of `server.controlUrl`, for tests with several processes. @defaultValue false */
  readonly control?: boolean
}

/** Options after defaults. */
export interface ResolvedOptions {
  readonly behaviour: ServerBehaviour
  readonly clients: readonly ServerClient[]
  readonly port: number
  readonly seed: string
  readonly now: () => number
  readonly control: boolean
}

function invalid(option: string, reason: string): TypeError {
  return Object.assign(new TypeError(`startAuthorizationServer: ${option} ${reason}`), {
    code: 'INVALID_OPTION',
  })
}

const positive = ['accessTokenLifetimeMs', 'codeLifetimeMs'] as const
const positiveOrNull = ['refreshTokenLifetimeMs'] as const

/** Lays `changes` over `base`; `undefined` changes nothing. Throws a `TypeError` that names the bad option. */
export function mergeBehaviour(base: ServerBehaviour, changes: Partial<ServerBehaviour>): ServerBehaviour {
  const known = Object.keys(base)
  const given = Object.entries(changes).filter(([, value]) => value !== undefined)
  for (const [name] of given) if (!known.includes(name)) throw invalid(name, 'is not an option')
  const merged: ServerBehaviour = { ...base, ...Object.fromEntries(given) }
  for (const name of positive) if (!(merged[name] > 0)) throw invalid(name, 'must be above 0 ms')
  for (const name of positiveOrNull) {
    const value = merged[name]
    if (value !== null && !(value > 0)) throw invalid(name, 'must be above 0 ms, or null')
  }
  if (!(merged.graceMs >= 0)) throw invalid('graceMs', 'must be 0 ms or more')
  for (const name of ['throttle', 'apiThrottle'] as const) {
    const value = merged[name]
    if (value !== null && !(value.limit >= 0 && value.windowMs > 0)) {
      throw invalid(name, 'needs a limit of 0 or more and a windowMs above 0')
    }
  }
  return Object.freeze(merged)
}

/** Fills in defaults and checks everything at creation. */
export function resolveOptions(options: AuthorizationServerOptions): ResolvedOptions {
  const {
    preset = 'passolution',
    clients = [{ clientId: 'test-client', clientSecret: 'test-secret' }],
    port = 0,
    seed = randomBytes(8).toString('hex'),
    now = Date.now,
    control = false,
    ...behaviour
  } = options
  const base = serverPresets[preset]
  if (!base) throw invalid('preset', `is not one of ${Object.keys(serverPresets).join(', ')}`)
  if (clients.length === 0) throw invalid('clients', 'must name at least one')
  const ids = new Set(clients.map(({ clientId }) => clientId))
  if (ids.size !== clients.length || ids.has(''))
    throw invalid('clients', 'need distinct, non-empty clientIds')
  return { behaviour: mergeBehaviour(base, behaviour), clients, port, seed, now, control }
}
