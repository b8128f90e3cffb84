import { EvergrantError } from '../errors.js'
import { adopt, forgetLink } from '../grant/adopt.js'
import { type GrantEntry, linkOf } from '../grant/grant-entry.js'
import { encodeTokens } from '../grant/grant-tokens.js'
import { startRotation } from '../rotation/rotation.js'
import { askStore } from './ask-store.js'
import type { ManagerContext } from './context.js'

/** Scope of each client-credentials grant, by its id. */
export type ClientCredentialsGrants = ReadonlyMap<string, { readonly scope: string | undefined }>

/**
 * Reads the grant from the store, once for all who ask meanwhile.
 *
 * @throws EvergrantError `GRANT_NOT_FOUND`, `STORE_UNAVAILABLE`
 */
export function loadGrant(
  ctx: ManagerContext,
  entry: GrantEntry,
  clientCredentials: ClientCredentialsGrants,
): Promise<void> {
  entry.loading ??= load(ctx, entry, clientCredentials).finally(() => {
    entry.loading = undefined
  })
  return entry.loading
}

async function load(
  ctx: ManagerContext,
  entry: GrantEntry,
  clientCredentials: ClientCredentialsGrants,
): Promise<void> {
  const asked = await askStore(ctx, (store) => store.load(entry.key))
  let { record, nowMs } = asked.answer
  let { order } = asked
  const own = clientCredentials.get(entry.key.grantId)
  if (record === undefined && own !== undefined) {
    // Two processes may both begin: the first record wins and the other adopts it.
    const secret = encodeTokens({
      grantType: 'client_credentials',
      accessToken: undefined,
      refreshToken: undefined,
      scope: own.scope,
      lifetimeMs: undefined,
    })
    const empty = {
      secret,
      expiresAtMs: null,
      renewAtMs: null,
      chain: ctx.chance.id(),
      generation: 0,
    } as const
    const request = { ...entry.key, ...empty, expectedChain: null }
    const saved = await askStore(ctx, (store) => store.save(request))
    // Removed again before it was there for anyone: as if it had never been.
    if (saved.answer.status !== 'missing') record = saved.answer.record
    nowMs = saved.answer.nowMs
    order = saved.order
  }
  const from = { nowMs, order }
  if (record === undefined) {
    forgetLink(ctx.questions, entry, from)
    // What is known came after that.
    if (entry.known) return
    // A notice that came meanwhile must not be forgotten with it.
    if (!entry.stale) ctx.grants.forget(entry)
    throw new EvergrantError('GRANT_NOT_FOUND', 'There is no such grant', entry.key)
  }
  const adoption = adopt(ctx.questions, entry, record, from)
  // The grant was removed while this answer was under way.
  if (adoption === 'outdated' && !entry.known) return load(ctx, entry, clientCredentials)
  if (adoption === 'rolled-back' && !entry.uncommitted) {
    // What we have is newer and stays; a rotation finds the same, and brings it back into the store.
    entry.stale = false
    if (!entry.rotation && !ctx.lifecycle.closing) startRotation(ctx, entry, false)
  }
  if (adoption === 'adopted') ctx.emit({ type: 'grant.adopted', ...linkOf(record) })
}
