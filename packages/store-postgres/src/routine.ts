import { dollarQuote, type Names } from './names.js'

/** The store's clock: the server's, read when the statement runs and not when its transaction began. */
export const nowMs = 'floor(extract(epoch FROM clock_timestamp()) * 1000)::double precision'

export const grantInputs = 'p_provider text, p_grant_id text'

/** Everything of the grant `g` but its secret, as the members of a JSON object. */
export const summaryMembers: string = `
    'provider', g.provider, 'grantId', g.grant_id, 'chain', g.chain, 'generation', g.generation,
    'expiresAtMs', g.expires_at_ms, 'renewAtMs', g.renew_at_ms, 'state', g.state, 'reason', g.reason,
    'attempts', g.attempts, 'sends', g.sends, 'committedAtMs', g.committed_at_ms`

/** The grant `g` as JSON, to be read by `toRecord`. */
export const record: string = `json_build_object('secret', g.secret,${summaryMembers})`

/** From here on nobody else decides about this grant; what is read is what stands. */
export const lockGrant = (names: Names): string =>
  `SELECT * INTO g FROM ${names.grants} WHERE provider = p_provider AND grant_id = p_grant_id FOR UPDATE;`

/** One atomic step. Its last parameter, `answer`, is what it answers: JSON as text. */
export interface Routine {
  readonly name: string
  readonly takes: string
  readonly declares?: string
  readonly body: string
}

/**
 * A procedure rather than a function, for a procedure may choose its isolation. Under REPEATABLE READ and
 * SERIALIZABLE a step that waited for another one's lock would fail, since it may not see what the other one
 * stored; under READ COMMITTED it goes on with it. `SET` cannot come before the step, a transaction pooler
 * gives each statement another connection.
 */
export function routine(names: Names, { name, takes, declares = '', body }: Routine): string {
  const code = `
#variable_conflict use_column
DECLARE
  g ${names.grants}%ROWTYPE;
  now_ms double precision;
  ${declares}
BEGIN
  IF current_setting('transaction_isolation') <> 'read committed' THEN
    COMMIT; -- of nothing: ends the transaction that came with the session's default
    SET TRANSACTION ISOLATION LEVEL READ COMMITTED;
  END IF;
  -- An answer that a crash of the server undoes would be a lie: the token may be sent by then.
  IF current_setting('synchronous_commit') = 'off' THEN
    PERFORM set_config('synchronous_commit', 'on', true);
  END IF;
${body}
END `
  return `
CREATE OR REPLACE PROCEDURE ${names.routine(name)}(${takes}, INOUT answer text)
LANGUAGE plpgsql AS ${dollarQuote(code)};`
}
