import { isEvergrantError, problemOf, type TokenManager } from '@evergrant/core'
import { Inject, Injectable, type Type } from '@nestjs/common'
import { getTokenManagerToken } from './evergrant.tokens.js'

/** Of one health check; numbers and codes, no grant ids. */
export interface EvergrantHealthDetails {
  /** `down`: the store cannot be asked, or the manager is closed. Dead grants are their users' affair, not this process'. */
  readonly status: 'up' | 'down'
  /** Grants whose users must authorize again, counted up to a hundred. */
  readonly grantsNeedingAttention?: number
  /** There are more than were counted. */
  readonly moreNeedAttention?: boolean
  /** When down: the error's code in lower case. */
  readonly code?: string
  /** When down: what is wrong, in words that hold no secret. */
  readonly message?: string
}

/** What a health indicator of `@nestjs/terminus` returns. */
export type EvergrantHealth<Key extends string = string> = Record<Key, EvergrantHealthDetails>

const COUNTED = 100

const named = new Map<string, Type<EvergrantHealthIndicator>>()

/**
 * A health indicator for `@nestjs/terminus`, which it does not need itself: put it into the providers of your health
 * module and call it in `health.check([() => evergrant.check()])`.
 *
 * One read of the store, for as long as the store takes: give the probe a limit of its own. It says nothing of the provider's health, and nothing of the budget that is left at the token
 * endpoint: core cannot tell that without spending of it.
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
    try {
      const { grants, next } = await this.#tokens.list({ state: 'dead', limit: COUNTED })
      return { status: 'up', grantsNeedingAttention: grants.length, moreNeedAttention: next !== undefined }
    } catch (error) {
      if (!isEvergrantError(error)) throw error
      const { code, title } = problemOf(error)
      return { status: 'down', code, message: title }
    }
  }

  /** The indicator of another manager; the same class for the same name. */
  static of(name: string): Type<EvergrantHealthIndicator> {
    @Injectable()
    class NamedEvergrantHealthIndicator extends EvergrantHealthIndicator {
      constructor(@Inject(getTokenManagerToken(name)) tokens: TokenManager) {
        super(tokens)
      }
    }
    const made = named.get(name) ?? NamedEvergrantHealthIndicator
    named.set(name, made)
    return made
  }
}
