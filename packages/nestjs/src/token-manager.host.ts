import { createTokenManager, type TokenManager } from '@evergrant/core'
import { Logger } from '@nestjs/common'
import {
  checkOptions,
  type EvergrantModuleOptions,
  type EvergrantModuleSettings,
} from './evergrant.options.js'

/**
 * Owns the one manager of a name in an application: makes it when it is first injected, starts and closes it. A ready
 * manager is only handed on.
 */
export class TokenManagerHost {
  readonly settings: EvergrantModuleSettings
  readonly #options: EvergrantModuleOptions
  #own: TokenManager | undefined
  #closed: Promise<void> | undefined

  /** @throws TypeError naming the option that is wrong */
  constructor(options: EvergrantModuleOptions, settings: EvergrantModuleSettings) {
    this.settings = settings
    this.#options = checkOptions(options, settings)
  }

  /** @throws TypeError naming the option that is wrong */
  tokens(): TokenManager {
    if ('tokens' in this.#options) return this.#options.tokens
    this.#own ??= createTokenManager(this.#options)
    return this.#own
  }

  /** Nothing to start where a test has put another manager in its place. */
  start(): void {
    const { keepAlive = true } = this.settings
    if (keepAlive === false) return
    this.#own?.start(keepAlive === true ? {} : keepAlive)
  }

  /**
   * An application can be closed twice, a store not.
   * @throws EvergrantError `UNCOMMITTED_SUCCESSOR` when what was read could not be stored
   */
  close(): Promise<void> {
    this.#closed ??= this.#close()
    return this.#closed
  }

  async #close(): Promise<void> {
    if ('tokens' in this.#options) return
    const [closing] = await Promise.allSettled([this.#own?.close()])
    try {
      await this.#options.onClosed?.()
    } catch (error) {
      // What could not be stored is what to know; the same outage often fails both.
      if (closing.status === 'fulfilled') throw error
      new Logger('EvergrantModule').error(error)
    }
    if (closing.status === 'rejected') throw closing.reason
  }
}
