import type { KoaContext, Provider } from 'oidc-provider'

/** Marks a request that a test sends by hand, past Evergrant. */
export const byHandHeader = 'x-by-hand'

/** One request to the token endpoint, as the server saw and answered it. */
export interface TokenRequest {
  readonly byHand: boolean
  readonly clientId: string | undefined
  readonly grantType: string | undefined
  readonly status: number
  /** OAuth's error code. */
  readonly error: string | undefined
  /** The refresh token that was presented. */
  readonly spent: string | undefined
  /** The refresh token that was issued. */
  readonly issued: string | undefined
}

/** The server ended a whole grant, with all its tokens (its event `grant.revoked`). */
export interface GrantRevocation {
  readonly byHand: boolean
  /** A spent token was presented again, or revocation was asked for (RFC 7009). */
  readonly cause: 'refresh token reuse' | 'code reuse' | 'revocation endpoint'
}

/** What happened at the server, from its own events and answers. */
export interface RequestLog {
  readonly tokenRequests: readonly TokenRequest[]
  readonly revocations: readonly GrantRevocation[]
  readonly serverErrors: readonly Error[]
}

export function keepRequestLog(provider: Provider): RequestLog {
  const tokenRequests: TokenRequest[] = []
  const revocations: GrantRevocation[] = []
  const serverErrors: Error[] = []
  provider.use(async (ctx, next) => {
    await next()
    if (ctx.oidc?.route === 'token') tokenRequests.push(tokenRequestOf(ctx))
  })
  provider.on('grant.revoked', (ctx) => revocations.push({ byHand: isByHand(ctx), cause: causeOf(ctx) }))
  provider.on('server_error', (_ctx, error) => serverErrors.push(error))
  return { tokenRequests, revocations, serverErrors }
}

function tokenRequestOf(ctx: KoaContext): TokenRequest {
  const { params, client } = ctx.oidc!
  const reply = ctx.body as { readonly error?: string; readonly refresh_token?: string }
  return {
    byHand: isByHand(ctx),
    clientId: client?.clientId,
    grantType: params?.grant_type,
    status: ctx.status,
    error: reply.error,
    spent: params?.refresh_token,
    issued: reply.refresh_token,
  }
}

function causeOf({ oidc }: KoaContext): GrantRevocation['cause'] {
  if (oidc?.route === 'revocation') return 'revocation endpoint'
  return oidc?.params?.grant_type === 'authorization_code' ? 'code reuse' : 'refresh token reuse'
}

const isByHand = (ctx: KoaContext): boolean => ctx.get(byHandHeader) !== ''
