import { type OnModuleInit, type Provider, Scope } from '@nestjs/common'
import { ModuleRef } from '@nestjs/core'

/**
 * A provider that ends the start of an application in which `token` would be made anew for each request, because what
 * it is made from depends on one.
 */
export function oneForAll(token: string, what: string): Provider {
  return {
    provide: `one ${token} for all requests`,
    inject: [ModuleRef],
    useFactory: (moduleRef: ModuleRef) => new OneForAllCheck(moduleRef, token, what),
  }
}

class OneForAllCheck implements OnModuleInit {
  readonly #moduleRef: ModuleRef
  readonly #token: string
  readonly #what: string

  constructor(moduleRef: ModuleRef, token: string, what: string) {
    this.#moduleRef = moduleRef
    this.#token = token
    this.#what = what
  }

  /** Only now does Nest know of all scopes. */
  onModuleInit(): void {
    if (this.#moduleRef.introspect(this.#token).scope === Scope.DEFAULT) return
    throw new TypeError(`Evergrant: ${this.#what} must not depend on providers of request scope`)
  }
}
