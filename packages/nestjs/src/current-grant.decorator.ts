import { type ExecutionContext, Inject, Injectable, type PipeTransform, type Type } from '@nestjs/common'
import { DEFAULT_MANAGER, getRequestGrantsToken } from './evergrant.tokens.js'
import { Context } from './execution-context.decorator.js'
import { oncePerName } from './once-per-name.js'
import type { RequestGrant } from './request-grant.js'
import type { RequestGrants } from './request-grants.js'

/**
 * The grant that the request concerns, a {@link RequestGrant}, by the `grantId` of `EvergrantModule.forRoot`. In
 * handlers of controllers, gateways, message patterns and resolvers. Without a grant id the handler is not called:
 * `GRANT_NOT_FOUND`. That the grant lives is not promised; `GrantGuard` does that.
 *
 * @param name - Of the manager. @defaultValue `'default'`
 */
export function CurrentGrant(name: string = DEFAULT_MANAGER): ParameterDecorator {
  return Context(currentGrantPipe(name))
}

/**
 * The id of the grant that the request concerns; otherwise as {@link CurrentGrant}.
 *
 * @param name - Of the manager. @defaultValue `'default'`
 */
export function GrantId(name: string = DEFAULT_MANAGER): ParameterDecorator {
  return Context(grantIdPipe(name))
}

const currentGrantPipe = oncePerName((name) => pipe(name, (grants, context) => grants.grantOf(context)))
const grantIdPipe = oncePerName((name) => pipe(name, (grants, context) => grants.idOf(context)))

/**
 * A decorator has no injector, a pipe has: the context goes through it and comes out as what was asked for. One class
 * for each manager, of which Nest makes an instance in each module that uses it.
 */
function pipe(
  name: string,
  read: (grants: RequestGrants, context: ExecutionContext) => Promise<RequestGrant | string>,
): Type<PipeTransform<ExecutionContext>> {
  @Injectable()
  class RequestGrantPipe implements PipeTransform<ExecutionContext> {
    readonly #grants: RequestGrants

    constructor(@Inject(getRequestGrantsToken(name)) grants: RequestGrants) {
      grants.resolver()
      this.#grants = grants
    }

    transform(context: ExecutionContext): Promise<RequestGrant | string> {
      return read(this.#grants, context)
    }
  }
  return RequestGrantPipe
}
