import type { EvergrantError, KeepAliveOptions, TokenManager, TokenManagerOptions } from '@evergrant/core'
import type { ArgumentsHost, ExecutionContext } from '@nestjs/common'
import type { ModuleRef } from '@nestjs/core'
import { checkName, DEFAULT_MANAGER, optionError } from './evergrant.tokens.js'

/** A manager that the application made, and that it starts and closes itself. */
export interface ReadyTokenManager {
  readonly tokens: TokenManager
}

/** From which the module makes a manager of its own, which it starts and closes with the application. */
export interface OwnTokenManagerOptions extends TokenManagerOptions {
  /**
   * Called once, after the manager was closed, also when that failed: the place to close its store.
   * @defaultValue nothing
   */
  readonly onClosed?: (() => void | Promise<void>) | undefined
}

/** Where a module's manager comes from: `{ tokens }`, or `provider`, `store` and what else a manager takes. */
export type EvergrantModuleOptions = ReadyTokenManager | OwnTokenManagerOptions

/** What `useClass` and `useExisting` of `forRootAsync` name. */
export interface EvergrantOptionsFactory {
  createEvergrantOptions(): EvergrantModuleOptions | Promise<EvergrantModuleOptions>
}

/** What a {@link GrantIdResolver} can look at; `moduleRef` reaches the providers of the application. */
export interface GrantIdInput {
  readonly context: ExecutionContext
  readonly moduleRef: ModuleRef
}

/**
 * Whose grant a request concerns, from what *you* know of its sender (session, verified token), never from what it
 * claims. Called each time that guard or decorators ask. `undefined`: nobody's, which is answered like a grant that
 * does not exist.
 */
export type GrantIdResolver = (input: GrantIdInput) => string | undefined | Promise<string | undefined>

/** What a {@link ConnectUrl} function can look at. */
export interface ConnectUrlInput {
  readonly host: ArgumentsHost
  readonly error: EvergrantError
}

/** Where a user can connect again: put into 401 answers. Must hold no secret. */
export type ConnectUrl = string | ((input: ConnectUrlInput) => string | undefined)

/** What is said of a manager where it is registered, beside what it is made from. */
export interface EvergrantModuleExtras {
  /** Tells several managers apart. @defaultValue `'default'` */
  readonly name?: string | undefined
  /** Injectable everywhere without importing this module or `forFeature`. @defaultValue `false` */
  readonly isGlobal?: boolean | undefined
  /**
   * Renews grants that nobody asks for, from the application's bootstrap to its shutdown. Not for a ready manager.
   * @defaultValue `true`
   */
  readonly keepAlive?: boolean | KeepAliveOptions | undefined
  /** Needed for `GrantGuard`, `@GrantId()`, `@CurrentGrant()` and the connect routes. */
  readonly grantId?: GrantIdResolver | undefined
  /** Needed for the link in 401 answers of `EvergrantExceptionFilter`. @defaultValue no link */
  readonly connectUrl?: ConnectUrl | undefined
}

/** The extras with their defaults; checked and frozen. */
export interface EvergrantModuleSettings {
  readonly name: string
  readonly isGlobal: boolean
  readonly keepAlive: boolean | KeepAliveOptions | undefined
  readonly grantId: GrantIdResolver | undefined
  readonly connectUrl: ConnectUrl | undefined
}

/** @throws TypeError naming the option that is wrong */
export function checkExtras(extras: EvergrantModuleExtras): EvergrantModuleSettings {
  const { name = DEFAULT_MANAGER, isGlobal = false, keepAlive, grantId, connectUrl } = extras
  checkName(name)
  if (typeof isGlobal !== 'boolean') throw optionError('isGlobal', 'must be a boolean')
  if (keepAlive !== undefined && typeof keepAlive !== 'boolean' && !isObject(keepAlive)) {
    throw optionError('keepAlive', 'must be a boolean or an object')
  }
  if (grantId !== undefined && typeof grantId !== 'function') {
    throw optionError('grantId', 'must be a function')
  }
  if (connectUrl !== undefined && typeof connectUrl !== 'string' && typeof connectUrl !== 'function') {
    throw optionError('connectUrl', 'must be a string or a function')
  }
  return Object.freeze({ name, isGlobal, keepAlive, grantId, connectUrl })
}

/** @throws TypeError naming the option that is wrong; those of the manager itself are checked by core */
export function checkOptions(options: unknown, settings: EvergrantModuleSettings): EvergrantModuleOptions {
  if (!isObject(options)) throw optionError('useFactory', 'must return the options of a token manager')
  if ('tokens' in options) {
    const { tokens, ...others } = options
    if (!isObject(tokens) || typeof tokens.getAccessToken !== 'function') {
      throw optionError('tokens', 'must be a TokenManager')
    }
    const [other] = Object.keys(others).filter((name) => others[name] !== undefined)
    if (other) throw optionError(other, "has no meaning beside 'tokens': that manager is made already")
    if (settings.keepAlive !== undefined) {
      throw optionError('keepAlive', "has no meaning beside 'tokens': who made a manager starts it")
    }
  } else if (options.onClosed !== undefined && typeof options.onClosed !== 'function') {
    throw optionError('onClosed', 'must be a function')
  }
  return options as unknown as EvergrantModuleOptions
}

/** @throws TypeError when there is no way to the options */
export function checkAsync(
  options: { readonly [way in 'useFactory' | 'useClass' | 'useExisting']?: unknown },
): void {
  if (!options.useFactory && !options.useClass && !options.useExisting) {
    throw optionError('useFactory', 'is missing, and so are useClass and useExisting')
  }
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null
}
