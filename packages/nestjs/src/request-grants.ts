import { EvergrantError, type TokenManager } from '@evergrant/core'
import type { ArgumentsHost, ExecutionContext } from '@nestjs/common'
import type { ModuleRef } from '@nestjs/core'
import type { EvergrantModuleSettings, GrantIdResolver } from './evergrant.options.js'
import { optionError } from './evergrant.tokens.js'
import { createRequestGrant, type RequestGrant } from './request-grant.js'
import { requestSignal } from './request-signal.js'

/** From a request to its grant: what guard, decorators, filter and connect routes of one manager share. */
export class RequestGrants {
  readonly tokens: TokenManager
  readonly #settings: EvergrantModuleSettings
  readonly #moduleRef: ModuleRef

  constructor(tokens: TokenManager, settings: EvergrantModuleSettings, moduleRef: ModuleRef) {
    this.tokens = tokens
    this.#settings = settings
    this.#moduleRef = moduleRef
  }

  /**
   * Called while the application starts by whatever will ask for grants.
   * @throws TypeError when the manager was registered without `grantId`
   */
  resolver(): GrantIdResolver {
    const { grantId, name } = this.#settings
    if (!grantId)
      throw optionError('grantId', `is missing: whose grant does a request concern? (manager '${name}')`)
    return grantId
  }

  /** @throws TypeError when the resolver returned something that is no text */
  async find(context: ExecutionContext): Promise<string | undefined> {
    const id: unknown = await this.resolver()({ context, moduleRef: this.#moduleRef })
    if (id === undefined || id === null) return undefined
    if (typeof id !== 'string') throw optionError('grantId', `must return a string, not a ${typeof id}`)
    return id
  }

  /**
   * @throws EvergrantError `GRANT_NOT_FOUND` when the request is nobody's
   * @throws as {@link RequestGrants.find}
   */
  async idOf(context: ExecutionContext): Promise<string> {
    const id = await this.find(context)
    if (id === undefined) throw this.nobodys()
    return id
  }

  /** What is said of a request that is nobody's. */
  nobodys(): EvergrantError {
    const details = { provider: this.tokens.provider, reason: 'no_grant_id' }
    return new EvergrantError('GRANT_NOT_FOUND', 'The request concerns no grant', details)
  }

  /** @throws as {@link RequestGrants.idOf} */
  async grantOf(context: ExecutionContext): Promise<RequestGrant> {
    return createRequestGrant(this.tokens, await this.idOf(context), requestSignal(context))
  }

  connectUrl(host: ArgumentsHost, error: EvergrantError): string | undefined {
    const { connectUrl } = this.#settings
    return typeof connectUrl === 'function' ? connectUrl({ host, error }) : connectUrl
  }
}
