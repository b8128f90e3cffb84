import {
  hasAttempt,
  isHolder,
  justStatus,
  link,
  missing,
  notify,
  superseded,
  supersededUnlessLive,
  untilMs,
  whereGrant,
  withoutAttempt,
} from './grant-fragments.js'
import type { Names } from './names.js'
import { lockGrant, nowMs, type Routine, record, routine } from './routine.js'

const steps = (names: Names): readonly Routine[] => {
  const { grants } = names
  return [
    {
      name: 'acquire',
      takes: `${link}, p_attempt text, p_ttl_ms double precision, p_max_hold_ms double precision`,
      declares: `is_running boolean; since_ms double precision; until_ms double precision;`,
      body: `
  ${lockGrant(names)}
  now_ms := ${nowMs};${supersededUnlessLive}
  is_running := coalesce(g.lease_until_ms > now_ms, false);
  IF is_running AND g.lease_attempt <> p_attempt THEN
    answer := ${untilMs('busy', 'g.lease_until_ms')};
    RETURN;
  END IF;
  since_ms := CASE WHEN is_running THEN g.lease_since_ms ELSE now_ms END;
  until_ms := least(now_ms + p_ttl_ms, since_ms + p_max_hold_ms);
  -- An armed lease may run longer than this extension would give; it is never cut short.
  IF is_running THEN
    until_ms := greatest(until_ms, g.lease_until_ms);
  END IF;
  UPDATE ${grants} SET lease_attempt = p_attempt, lease_until_ms = until_ms, lease_since_ms = since_ms
  ${whereGrant};
  answer := json_build_object(
    'status', 'acquired', 'nowMs', now_ms, 'untilMs', until_ms, 'heldSinceMs', since_ms,
    'record', ${record})::text;`,
    },
    {
      name: 'arm',
      takes: `${link}, p_attempt text, p_ttl_ms double precision, p_held_since_ms double precision`,
      declares: `is_repeated boolean; until_ms double precision;`,
      body: `
  ${lockGrant(names)}
  now_ms := ${nowMs};${supersededUnlessLive}
  IF NOT ${isHolder} OR g.lease_since_ms IS DISTINCT FROM p_held_since_ms THEN
    answer := ${justStatus('not-holder')};
    RETURN;
  END IF;
  is_repeated := ${hasAttempt};
  until_ms := greatest(now_ms + p_ttl_ms, g.lease_until_ms);
  IF NOT is_repeated THEN
    g.attempts := g.attempts
      || jsonb_build_array(jsonb_build_object('id', p_attempt, 'armedAtMs', now_ms, 'state', 'open'));
    g.sends := g.sends + 1;
  END IF;
  UPDATE ${grants} SET lease_until_ms = until_ms, attempts = g.attempts, sends = g.sends ${whereGrant};
  answer := ${untilMs('armed', 'until_ms')};`,
    },
    {
      name: 'release',
      takes: `${link}, p_attempt text, p_outcome text`,
      declares: `is_known boolean; is_held boolean;`,
      body: `
  ${lockGrant(names)}
  IF NOT FOUND OR g.chain <> p_chain OR g.generation <> p_generation THEN
    RETURN;
  END IF;
  is_known := ${hasAttempt};
  is_held := coalesce(g.lease_attempt = p_attempt, false);
  IF NOT is_known AND NOT is_held THEN
    RETURN;
  END IF;
  IF p_outcome = 'lost' THEN
    g.attempts := coalesce((
      SELECT jsonb_agg(CASE WHEN each.item->>'id' = p_attempt
        THEN each.item || '{"state": "lost"}' ELSE each.item END ORDER BY each.position)
      FROM jsonb_array_elements(g.attempts) WITH ORDINALITY AS each (item, position)), '[]');
  ELSE
    g.attempts := ${withoutAttempt};
  END IF;
  IF is_known AND p_outcome = 'not-sent' THEN
    g.sends := g.sends - 1;
  END IF;
  UPDATE ${grants} SET
    attempts = g.attempts, sends = g.sends,
    lease_attempt = CASE WHEN is_held THEN NULL ELSE lease_attempt END,
    lease_until_ms = CASE WHEN is_held THEN NULL ELSE lease_until_ms END,
    lease_since_ms = CASE WHEN is_held THEN NULL ELSE lease_since_ms END
  ${whereGrant};
  IF is_held THEN
    ${notify(names, 'p_chain', 'p_generation')}
  END IF;`,
    },
    {
      name: 'fail',
      takes: `${link}, p_attempt text, p_reason text`,
      body: `
  ${lockGrant(names)}
  now_ms := ${nowMs};
  IF NOT FOUND THEN
    answer := ${missing};
    RETURN;
  END IF;
  IF g.chain <> p_chain OR g.generation <> p_generation THEN
    answer := ${superseded};
    RETURN;
  END IF;
  IF g.state = 'dead' THEN
    answer := ${justStatus('failed')};
    RETURN;
  END IF;
  IF NOT ${isHolder} THEN
    answer := ${justStatus('not-holder')};
    RETURN;
  END IF;
  UPDATE ${grants} SET
    state = 'dead', reason = p_reason, attempts = ${withoutAttempt},
    lease_attempt = NULL, lease_until_ms = NULL, lease_since_ms = NULL
  ${whereGrant};
  ${notify(names, 'p_chain', 'p_generation')}
  answer := ${justStatus('failed')};`,
    },
  ]
}

/** The steps of whoever rotates: `grant-steps.ts` of core in the same order of checks. */
export function leaseRoutines(names: Names): string[] {
  return steps(names).map((step) => routine(names, step))
}
