import { link, missing, notify, pair, superseded, whereGrant } from './grant-fragments.js'
import { dollarQuote, type Names, quoteLiteral } from './names.js'
import { grantInputs, lockGrant, nowMs, type Routine, record, routine } from './routine.js'

/** Notices longer than this would make NOTIFY, and the step with it, fail. */
const maxPayloadBytes = 7_900

/** Tells all watchers which link is stored now; when its ids are too long for that, that something changed. */
const notifyRoutine = (names: Names, channel: string): string => `
CREATE OR REPLACE FUNCTION ${names.routine('notify_changed')}(
  p_provider text, p_grant_id text, p_chain text, p_generation bigint
) RETURNS void LANGUAGE plpgsql AS ${dollarQuote(`
DECLARE
  payload text := json_build_array(p_provider, p_grant_id, p_chain, p_generation)::text;
BEGIN
  IF octet_length(payload) > ${maxPayloadBytes} THEN
    payload := '';
  END IF;
  PERFORM pg_notify(${quoteLiteral(channel)}, payload);
END `)};`

const steps = (names: Names): readonly Routine[] => {
  const { grants } = names
  return [
    {
      name: 'save',
      takes: `${link}, ${pair}, p_expects boolean, p_expected text`,
      body: `
  LOOP
    ${lockGrant(names)}
    now_ms := ${nowMs};
    IF FOUND THEN
      IF g.chain = p_chain THEN
        EXIT; -- a repetition: meanwhile its token may have been armed or replaced
      END IF;
      IF p_expects AND g.chain IS DISTINCT FROM p_expected THEN
        answer := ${superseded};
        RETURN;
      END IF;
      UPDATE ${grants} SET
        chain = p_chain, generation = p_generation, secret = p_secret, expires_at_ms = p_expires_at_ms,
        renew_at_ms = p_renew_at_ms, state = 'live', reason = NULL, attempts = '[]', sends = 0,
        committed_at_ms = now_ms, lease_attempt = NULL, lease_until_ms = NULL, lease_since_ms = NULL,
        committed_by = NULL, claimed_until_ms = NULL
      ${whereGrant} RETURNING * INTO g;
    ELSIF p_expected IS NOT NULL THEN
      answer := ${missing};
      RETURN;
    ELSE
      INSERT INTO ${grants} (provider, grant_id, chain, generation, secret, expires_at_ms, renew_at_ms, state,
        attempts, sends, committed_at_ms)
      VALUES (p_provider, p_grant_id, p_chain, p_generation, p_secret, p_expires_at_ms, p_renew_at_ms, 'live',
        '[]', 0, now_ms)
      ON CONFLICT DO NOTHING RETURNING * INTO g;
      CONTINUE WHEN NOT FOUND; -- another save was first: now there is a row to lock
    END IF;
    ${notify(names, 'p_chain', 'p_generation')}
    EXIT;
  END LOOP;
  answer := json_build_object('status', 'saved', 'nowMs', now_ms, 'record', ${record})::text;`,
    },
    {
      name: 'commit_successor',
      takes: `${link}, p_attempt text, ${pair}`,
      body: `
  ${lockGrant(names)}
  now_ms := ${nowMs};
  IF NOT FOUND THEN
    answer := ${missing};
    RETURN;
  END IF;
  IF g.chain <> p_chain OR g.generation <> p_generation THEN
    IF g.committed_by = p_attempt AND g.chain = p_chain AND g.generation = p_generation + 1 THEN
      answer := json_build_object('status', 'committed', 'nowMs', now_ms, 'record', ${record})::text;
    ELSE
      answer := ${superseded};
    END IF;
    RETURN;
  END IF;
  UPDATE ${grants} SET
    generation = p_generation + 1, secret = p_secret, expires_at_ms = p_expires_at_ms,
    renew_at_ms = p_renew_at_ms, state = 'live', reason = NULL, attempts = '[]', sends = 0,
    committed_at_ms = now_ms, lease_attempt = NULL, lease_until_ms = NULL, lease_since_ms = NULL,
    committed_by = p_attempt, claimed_until_ms = NULL
  ${whereGrant} RETURNING * INTO g;
  ${notify(names, 'g.chain', 'g.generation')}
  answer := json_build_object('status', 'committed', 'nowMs', now_ms, 'record', ${record})::text;`,
    },
    {
      name: 'replace_secret',
      takes: `${link}, p_from text, p_to text`,
      body: `
  ${lockGrant(names)}
  IF NOT FOUND THEN
    answer := '{"status":"missing"}';
    RETURN;
  END IF;
  IF g.chain <> p_chain OR g.generation <> p_generation OR g.secret <> p_from THEN
    answer := '{"status":"changed"}';
    RETURN;
  END IF;
  UPDATE ${grants} SET secret = p_to ${whereGrant};
  answer := '{"status":"replaced"}';`,
    },
    {
      name: 'remove',
      takes: `${grantInputs}, p_expected text`,
      body: `
  DELETE FROM ${grants} ${whereGrant} AND (p_expected IS NULL OR chain = p_expected) RETURNING * INTO g;
  IF NOT FOUND THEN
    answer := '{}';
    RETURN;
  END IF;
  ${notify(names, `''`, '0')}
  answer := json_build_object('record', ${record})::text;`,
    },
  ]
}

/** The steps that store and remove links: `grant-steps.ts` of core in the same order of checks. */
export function grantRoutines(names: Names, channel: string): string[] {
  return [notifyRoutine(names, channel), ...steps(names).map((step) => routine(names, step))]
}
