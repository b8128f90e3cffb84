import { dollarQuote, type Names } from './names.js'
import { grantInputs, nowMs, record, routine, summaryMembers } from './routine.js'

/** A standby may be behind: a token that it shows may be spent. 25006 is what it answers to writes, too. */
const refuseStandby = `
  IF pg_is_in_recovery() THEN
    RAISE EXCEPTION 'This server is a read-only standby' USING ERRCODE = '25006';
  END IF;`

const loadFunction = (names: Names): string => `
CREATE OR REPLACE FUNCTION ${names.routine('load')}(${grantInputs}) RETURNS text
LANGUAGE plpgsql AS ${dollarQuote(`
DECLARE
  found_record json;
BEGIN${refuseStandby}
  SELECT ${record} INTO found_record FROM ${names.grants} AS g
  WHERE g.provider = p_provider AND g.grant_id = p_grant_id;
  RETURN json_build_object('nowMs', ${nowMs}, 'record', found_record)::text;
END `)};`

/** `EXECUTE` makes a plan for these very values: one made for any would not know how short the page is. */
const listFunction = (names: Names): string => {
  const page = (condition: string): string =>
    dollarQuote(`
    SELECT json_agg(json_build_object(${summaryMembers}) ORDER BY g.grant_id)
    FROM (
      SELECT * FROM ${names.grants} WHERE provider = $1 AND grant_id > $2${condition}
      ORDER BY grant_id LIMIT $3
    ) AS g`)
  return `
CREATE OR REPLACE FUNCTION ${names.routine('list')}(
  p_provider text, p_after text, p_limit bigint, p_state text
) RETURNS text LANGUAGE plpgsql AS ${dollarQuote(`
DECLARE
  page json;
BEGIN${refuseStandby}
  IF p_state IS NULL THEN
    EXECUTE ${page('')} INTO page USING p_provider, p_after, p_limit;
  ELSE
    EXECUTE ${page(' AND state = $4')} INTO page USING p_provider, p_after, p_limit, p_state;
  END IF;
  RETURN coalesce(page, '[]')::text;
END `)};`
}

/** What the index is on: a claim that came to nothing is due again from its end. */
export const dueSinceMs = 'greatest(renew_at_ms, claimed_until_ms)'

const claimProcedure = (names: Names): string =>
  routine(names, {
    name: 'claim_due',
    takes: `p_provider text, p_before_ms double precision, p_limit bigint, p_hold_ms double precision`,
    declares: 'ids text[];',
    body: `
  now_ms := ${nowMs};
  EXECUTE ${dollarQuote(`
    SELECT array_agg(due.grant_id ORDER BY due.since_ms)
    FROM (
      SELECT grant_id, ${dueSinceMs} AS since_ms FROM ${names.grants}
      WHERE provider = $1 AND state = 'live' AND renew_at_ms IS NOT NULL AND renew_at_ms <= $2
        AND (claimed_until_ms IS NULL OR claimed_until_ms <= $3) AND ${dueSinceMs} <= greatest($2, $3)
      ORDER BY ${dueSinceMs} LIMIT $4
      FOR UPDATE SKIP LOCKED
    ) AS due`)} INTO ids USING p_provider, p_before_ms, now_ms, p_limit;
  UPDATE ${names.grants} SET claimed_until_ms = now_ms + p_hold_ms
  WHERE provider = p_provider AND grant_id = ANY (ids);
  answer := json_build_object('nowMs', now_ms, 'ids', coalesce(ids, '{}'))::text;`,
  })

/** Finding grants: by their id, in the order of their ids, and by when they are due. */
export function renewalRoutines(names: Names): string[] {
  return [loadFunction(names), listFunction(names), claimProcedure(names)]
}
