import { type CanActivate, type ExecutionContext, Inject, Injectable, type Type } from '@nestjs/common'
import { Reflector } from '@nestjs/core'
import { DEFAULT_MANAGER, getRequestGrantsToken } from './evergrant.tokens.js'
import { oncePerName } from './once-per-name.js'
import type { RequestGrants } from './request-grants.js'
import { SKIP_GRANT_GUARD } from './skip-grant-guard.decorator.js'

/**
 * Lets a request in when its grant lives: when there is an access token for it now, after a rotation if one is
 * needed. Reads no store while the token is fresh. Whose grant it is says the `grantId` of `EvergrantModule.forRoot`.
 *
 * Handlers marked with `@SkipGrantGuard()` are let through.
 *
 * Throws the `EvergrantError`s of `getAccessToken`, which `EvergrantExceptionFilter` answers; without that filter they
 * are Nest's 500. Never lets a request in on an error.
 */
@Injectable()
export class GrantGuard implements CanActivate {
  readonly #grants: RequestGrants
  readonly #reflector: Reflector

  constructor(
    @Inject(getRequestGrantsToken(DEFAULT_MANAGER)) grants: RequestGrants,
    @Inject(Reflector) reflector: Reflector,
  ) {
    grants.resolver()
    this.#grants = grants
    this.#reflector = reflector
  }

  async canActivate(context: ExecutionContext): Promise<boolean> {
    const marked = [context.getHandler(), context.getClass()]
    if (this.#reflector.getAllAndOverride<boolean | undefined>(SKIP_GRANT_GUARD, marked)) return true
    const grant = await this.#grants.grantOf(context)
    await grant.getAccessToken()
    return true
  }

  /** The guard of another manager; the same class for the same name. */
  static of(name: string): Type<GrantGuard> {
    return guardOf(name)
  }
}

const guardOf = oncePerName((name): Type<GrantGuard> => {
  @Injectable()
  class NamedGrantGuard extends GrantGuard {
    constructor(
      @Inject(getRequestGrantsToken(name)) grants: RequestGrants,
      @Inject(Reflector) reflector: Reflector,
    ) {
      super(grants, reflector)
    }
  }
  return NamedGrantGuard
})
