import type { OnApplicationBootstrap, OnApplicationShutdown } from '@nestjs/common'
import type { TokenManagerHost } from './token-manager.host.js'

/**
 * Ties a manager to the application: keep-alive begins when all is set up; the manager is closed in
 * `onApplicationShutdown`, when no HTTP request is served any more, and before the modules that `forRootAsync`
 * imports end (those that hold the store's client, say). What `close()` rejects with is for Nest to report.
 */
export class TokenManagerLifecycle implements OnApplicationBootstrap, OnApplicationShutdown {
  readonly #host: TokenManagerHost

  constructor(host: TokenManagerHost) {
    this.#host = host
  }

  onApplicationBootstrap(): void {
    this.#host.start()
  }

  onApplicationShutdown(): Promise<void> {
    return this.#host.close()
  }
}
