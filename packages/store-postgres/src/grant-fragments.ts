import type { Names } from './names.js'
import { record } from './routine.js'

// What the steps of one grant have in common: pieces of the body of a procedure, where `g` is the locked row.

export const missing: string = `json_build_object('status', 'missing', 'nowMs', now_ms)::text`
export const superseded: string = `json_build_object('status', 'superseded', 'nowMs', now_ms, 'record', ${record})::text`
export const justStatus = (status: string): string =>
  `json_build_object('status', '${status}', 'nowMs', now_ms)::text`
export const untilMs = (status: string, value: string): string =>
  `json_build_object('status', '${status}', 'nowMs', now_ms, 'untilMs', ${value})::text`

/** The order of checks of `supersededUnlessLive`. */
export const supersededUnlessLive: string = `
  IF NOT FOUND THEN
    answer := ${missing};
    RETURN;
  END IF;
  IF g.chain <> p_chain OR g.generation <> p_generation OR g.state <> 'live' THEN
    answer := ${superseded};
    RETURN;
  END IF;`

export const link: string = 'p_provider text, p_grant_id text, p_chain text, p_generation bigint'
export const pair: string = 'p_secret text, p_expires_at_ms double precision, p_renew_at_ms double precision'
export const isHolder: string = `coalesce(g.lease_attempt = p_attempt AND g.lease_until_ms > now_ms, false)`
export const hasAttempt: string = `g.attempts @> jsonb_build_array(jsonb_build_object('id', p_attempt))`
export const withoutAttempt: string = `coalesce((
      SELECT jsonb_agg(each.item ORDER BY each.position)
      FROM jsonb_array_elements(g.attempts) WITH ORDINALITY AS each (item, position)
      WHERE each.item->>'id' <> p_attempt), '[]')`

export const whereGrant: string = 'WHERE provider = p_provider AND grant_id = p_grant_id'

/** The store holds this link now, or its lease became free. */
export const notify = (names: Names, chain: string, generation: string): string =>
  `PERFORM ${names.routine('notify_changed')}(p_provider, p_grant_id, ${chain}, ${generation});`
