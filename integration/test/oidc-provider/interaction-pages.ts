import { text } from 'node:stream/consumers'
import type { KoaContext, Provider } from 'oidc-provider'

/** What a page asks for; a browser answers with a form post to the same URL. */
export interface InteractionPage {
  readonly prompt: 'login' | 'consent'
}

/** Serves `/interaction/:uid`, the pages at which a user logs in and consents: `login=<account>`, `consent=allow|deny`. */
export function serveInteractionPages(provider: Provider): void {
  provider.use(async (ctx, next) => {
    if (!ctx.path.startsWith('/interaction/')) return next()
    if (ctx.method === 'GET') {
      const { prompt } = await provider.interactionDetails(ctx.req, ctx.res)
      ctx.body = { prompt: prompt.name }
      return
    }
    const answer = new URLSearchParams(await text(ctx.req))
    ctx.redirect(await provider.interactionResult(ctx.req, ctx.res, await resultOf(provider, ctx, answer)))
    ctx.status = 303
  })
}

async function resultOf(provider: Provider, ctx: KoaContext, answer: URLSearchParams): Promise<object> {
  const { prompt, params, session } = await provider.interactionDetails(ctx.req, ctx.res)
  if (prompt.name === 'login') return { login: { accountId: answer.get('login') } }
  if (answer.get('consent') !== 'allow') return { error: 'access_denied', error_description: 'no, thanks' }
  const grant = new provider.Grant({ accountId: session!.accountId, clientId: params.client_id! })
  grant.addOIDCScope(params.scope!)
  return { consent: { grantId: await grant.save() } }
}
