import { EvergrantError, type ManagerHealth, problemOf, type TokenManager } from '@evergrant/core'
import { Inject, Injectable, type Type } from '@nestjs/common'
import { getTokenManagerToken } from './evergrant.tokens.js'
import { oncePerName } from './once-per-name.js'

/** Of one health check: what core tells, and why it is down in words. Numbers and codes, no grant ids. */
export interface EvergrantHealthDetails extends Omit<ManagerHealth, 'code'> {
  /** When down: the error's code in lower case. */
  readonly code?: string
  /** When down: what is wrong, in words that hold no secret. */
  readonly message?: string
}

/** What a health indicator of `@nestjs/terminus` returns. */
export type EvergrantHealth<Key extends string = string> = Record<Key, EvergrantHealthDetails>

/**
 * A health indicator for `@nestjs/terminus`, which it does not need itself: put it into the providers of your health
 * module and call it in `health.check([() => evergrant.check()])`.
 *
 * What core's `TokenManager.health` tells: one bounded read of the store, for at most five seconds; nothing is sent to the
 * provider.
 */
@Injectable()
export class EvergrantHealthIndicator {
  readonly #tokens: TokenManager

  constructor(@Inject(getTokenManagerToken()) tokens: TokenManager) {
    this.#tokens = tokens
  }

  /** @param key - Of the result. @defaultValue `'evergrant'` */
  async check<const Key extends string = 'evergrant'>(key?: Key): Promise<EvergrantHealth<Key>> {
    return { [key ?? 'evergrant']: await this.#details() } as EvergrantHealth<Key>
  }

  async #details(): Promise<EvergrantHealthDetails> {
    const { code, ...health } = await this.#tokens.health()
    if (code === undefined) return health
    const { code: inLowerCase, title } = problemOf(new EvergrantError(code, code))
    return { ...health, code: inLowerCase, message: title }
  }

  /** The indicator of another manager; the same class for the same name. */
  static of(name: string): Type<EvergrantHealthIndicator> {
    return indicatorOf(name)
  }
}

const indicatorOf = oncePerName((name): Type<EvergrantHealthIndicator> => {
  @Injectable()
  class NamedEvergrantHealthIndicator extends EvergrantHealthIndicator {
    constructor(@Inject(getTokenManagerToken(name)) tokens: TokenManager) {
      super(tokens)
    }
  }
  return NamedEvergrantHealthIndicator
})
