import type { TokenManager } from '@evergrant/core'
import type { FactoryProvider, InjectionToken } from '@nestjs/common'
import { getTokenManagerToken, optionError } from './evergrant.tokens.js'

/** What `provideGrantClient` takes. */
export interface GrantClientOptions<T> {
  /** The token under which the client is injected. */
  readonly provide: InjectionToken<T>
  /** The name of the manager, which must be injectable in the same module. @defaultValue `'default'` */
  readonly manager?: string | undefined
  /** What `useFactory` gets besides the manager, such as `HttpService`. @defaultValue nothing */
  readonly inject?: FactoryProvider['inject'] | undefined
  /**
   * Makes the client once: `fetchWithTokens({ tokens, grantId })`, or an Axios instance after `attachTokens`. This
   * package knows neither Axios nor its adapter, so any client that can carry a token will do.
   */
  readonly useFactory: (tokens: TokenManager, ...injected: never[]) => T | Promise<T>
}

/**
 * A provider of an HTTP client whose requests carry the tokens of a manager's grants. One for each API and source of
 * grants, each under a token of its own.
 *
 * @throws TypeError naming the option that is wrong
 */
export function provideGrantClient<T>(options: GrantClientOptions<T>): FactoryProvider<T> {
  const { provide, manager, inject = [], useFactory } = options
  if (provide === undefined || provide === null) throw optionError('provide', 'is missing')
  if (typeof useFactory !== 'function') throw optionError('useFactory', 'must be a function')
  if (!Array.isArray(inject)) throw optionError('inject', 'must be an array')
  return {
    provide,
    inject: [getTokenManagerToken(manager), ...inject],
    useFactory: useFactory as FactoryProvider<T>['useFactory'],
  }
}
