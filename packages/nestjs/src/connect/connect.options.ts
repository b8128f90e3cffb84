import type { ConnectFlowOptions } from '@evergrant/core'
import { checkName, DEFAULT_MANAGER, optionError } from '../evergrant.tokens.js'

/** What core's `createConnectFlow` takes, without the manager, and what only routes need. */
export interface EvergrantConnectOptions extends Omit<ConnectFlowOptions, 'tokens'> {
  /** Where a browser goes after it disconnected: a path of this site. @defaultValue `/` */
  readonly afterDisconnect?: string | undefined
  /** Origins besides this one whose pages may disconnect. @defaultValue none */
  readonly allowedOrigins?: readonly string[] | undefined
}

/** What is said of the routes where they are registered. */
export interface EvergrantConnectExtras {
  /** The name of the manager whose grants are connected. It needs a `grantId`. @defaultValue `'default'` */
  readonly manager?: string | undefined
  /** Where the routes are. `redirectUri` must lead to its `callback`. @defaultValue `connect` */
  readonly path?: string | undefined
  /** Put on the controller, such as `UseGuards(SessionGuard)`. @defaultValue none */
  readonly decorators?: readonly ClassDecorator[] | undefined
}

/** What `useClass` and `useExisting` of `forRootAsync` name. */
export interface EvergrantConnectOptionsFactory {
  createEvergrantConnectOptions(): EvergrantConnectOptions | Promise<EvergrantConnectOptions>
}

/** The extras with their defaults, checked. */
export interface ConnectSettings {
  readonly manager: string
  readonly path: string
  readonly decorators: readonly ClassDecorator[]
}

/** @throws TypeError naming the option that is wrong */
export function checkConnectExtras(extras: EvergrantConnectExtras): ConnectSettings {
  const { manager = DEFAULT_MANAGER, path = 'connect', decorators = [] } = extras
  checkName(manager)
  if (typeof path !== 'string') throw optionError('path', 'must be a string')
  if (!Array.isArray(decorators) || decorators.some((one) => typeof one !== 'function')) {
    throw optionError('decorators', 'must be class decorators')
  }
  return { manager, path, decorators }
}

/** What only the routes need, with its defaults, checked. */
export interface DisconnectOptions {
  readonly afterDisconnect: string
  readonly allowedOrigins: ReadonlySet<string>
}

/** @throws TypeError naming the option that is wrong */
export function checkDisconnect(options: EvergrantConnectOptions): DisconnectOptions {
  const { afterDisconnect = '/', allowedOrigins = [] } = options
  if (typeof afterDisconnect !== 'string' || !/^\/(?![/\\])/.test(afterDisconnect)) {
    throw optionError('afterDisconnect', "must be a path of this site, beginning with '/'")
  }
  if (!Array.isArray(allowedOrigins) || !allowedOrigins.every(isOrigin)) {
    throw optionError('allowedOrigins', 'must be origins such as https://app.example.com')
  }
  return { afterDisconnect, allowedOrigins: new Set(allowedOrigins) }
}

function isOrigin(value: unknown): value is string {
  return typeof value === 'string' && URL.canParse(value) && new URL(value).origin === value
}
