/** The package has no types of its own: no more than what these tests use of it. */
declare module 'oidc-provider' {
  import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http'

  /** What the library knows of a request; only on its own routes. */
  interface OidcRequest {
    /** `token`, `revocation`, `userinfo`, … */
    readonly route: string
    readonly params?: Readonly<Record<string, string | undefined>>
    readonly client?: { readonly clientId: string }
  }

  interface KoaContext {
    readonly path: string
    readonly method: string
    readonly req: IncomingMessage
    readonly res: ServerResponse
    readonly oidc?: OidcRequest
    status: number
    body: unknown
    get(header: string): string
    redirect(url: string): void
  }

  interface Interaction {
    readonly prompt: { readonly name: string }
    readonly params: Readonly<Record<string, string>>
    readonly session?: { readonly accountId: string }
  }

  /** A user's consent to one client: what revocation ends. */
  interface ConsentGrant {
    addOIDCScope(scope: string): void
    save(): Promise<string>
  }

  class Provider {
    constructor(issuer: string, configuration: Readonly<Record<string, unknown>>)
    readonly Grant: new (owner: {
      readonly accountId: string
      readonly clientId: string
    }) => ConsentGrant
    use(middleware: (ctx: KoaContext, next: () => Promise<void>) => Promise<void>): this
    on(event: 'grant.revoked', listener: (ctx: KoaContext, grantId: string) => void): this
    on(event: 'server_error', listener: (ctx: KoaContext, error: Error) => void): this
    callback(): RequestListener
    interactionDetails(req: IncomingMessage, res: ServerResponse): Promise<Interaction>
    /** Resolves with the URL at which the authorization goes on. */
    interactionResult(req: IncomingMessage, res: ServerResponse, result: object): Promise<string>
  }

  export type { KoaContext }
  export { Provider }
}
