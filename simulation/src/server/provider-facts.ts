import type { ProviderFacts } from '@evergrant/core'
import type { Core } from '../core.js'
import type { ProviderPlan } from '../run/plan-world.js'

/** What an application would tell core of this server: the truth. */
export function providerFacts(core: Core, plan: ProviderPlan): ProviderFacts {
  const { kind, id } = plan
  const origin = `https://${id}.example`
  const common = { id, clientId: `client-${id}`, clientSecret: `secret-${id}` }
  return core.oauth2Provider({
    ...common,
    clientAuthentication: 'client_secret_post',
    tokenEndpoint: `${origin}/token`,
    authorizationEndpoint: `${origin}/authorize`,
    ...(kind.revocation && { revocationEndpoint: `${origin}/revoke` }),
    requestFormat: kind.requestFormat,
    reuse: kind.reuse,
    reuseIntervalMs: kind.graceMs,
    oldAccessToken: kind.oldAccess,
    unspentStatuses: kind.unspent503 ? [503] : [],
    refusals: REFUSALS[kind.refusal] ?? [],
    ...(plan.declaresRefreshLife &&
      Number.isFinite(plan.refreshLifeMs) && { refreshTokenLifetimeMs: plan.refreshLifeMs }),
    ...(plan.budget && { budget: plan.budget }),
  })
}

const REFUSALS: Readonly<Record<string, ProviderFacts['refusals']>> = {
  passport: [
    {
      error: 'invalid_request',
      status: 401,
      containing: { member: 'error_description', anyOf: ['The refresh token is invalid'] },
    },
  ],
  'http-200': [{ error: 'bad_refresh_token' }],
  'http-200-form': [{ error: 'bad_refresh_token' }],
  unauthorized_client: [{ error: 'unauthorized_client', status: 403 }],
}
