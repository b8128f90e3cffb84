import { budgetRoutines } from './budget-functions.js'
import { grantRoutines } from './grant-functions.js'
import { leaseRoutines } from './lease-functions.js'
import { channelOf, dollarQuote, type Names, namesOf, quoteLiteral } from './names.js'
import { checkPlace, type PostgresSchemaOptions } from './options.js'
import { dueSinceMs, renewalRoutines } from './renewal-functions.js'

/** Version of the tables and functions below, kept in the table `schema_version`. */
const schemaVersion = 1

/** SQLSTATEs that the migration raises itself. */
export const newerSchema = 'EVG01'
export const foreignTables = 'EVG02'

const firstTables = (names: Names): string => `
CREATE TABLE ${names.grants} (
  provider         text COLLATE "C" NOT NULL,
  grant_id         text COLLATE "C" NOT NULL,
  chain            text COLLATE "C" NOT NULL,
  generation       bigint NOT NULL,
  secret           text COLLATE "C" NOT NULL, -- a JSON string: text cannot hold a NUL, secrets can
  expires_at_ms    double precision, -- what JavaScript counts with: kept exactly
  renew_at_ms      double precision,
  state            text COLLATE "C" NOT NULL,
  reason           text COLLATE "C", -- a JSON string
  attempts         jsonb NOT NULL,
  sends            integer NOT NULL,
  committed_at_ms  double precision NOT NULL,
  lease_attempt    text COLLATE "C",
  lease_until_ms   double precision,
  lease_since_ms   double precision,
  committed_by     text COLLATE "C",
  claimed_until_ms double precision,
  PRIMARY KEY (provider, grant_id)
) WITH (fillfactor = 80); -- leases are written in place, without touching an index
CREATE INDEX ${names.dueIndex} ON ${names.grants} (provider, ${dueSinceMs})
  WHERE state = 'live' AND renew_at_ms IS NOT NULL;

CREATE TABLE ${names.budgets} (
  bucket           text COLLATE "C" PRIMARY KEY,
  blocked_until_ms double precision NOT NULL
);
CREATE TABLE ${names.budgetSlots} (
  bucket           text COLLATE "C" NOT NULL,
  slot             text COLLATE "C" NOT NULL,
  granted_at_ms    double precision NOT NULL,
  ordinal          bigint GENERATED ALWAYS AS IDENTITY, -- the order of granting; a clock may step back
  PRIMARY KEY (bucket, slot)
);
CREATE TABLE ${names.budgetDemands} (
  bucket           text COLLATE "C" NOT NULL,
  member           text COLLATE "C" NOT NULL,
  waiting          double precision NOT NULL,
  seen_at_ms       double precision NOT NULL,
  PRIMARY KEY (bucket, member)
);
`

/**
 * One entry per version: what turns the version before it into this one. A version that changes what a
 * function takes or means gives it another name and keeps the old one for the processes not yet replaced; one
 * that cannot, drops the old one, and those processes then reject with `STORE_UNUSABLE`.
 */
const migrations: readonly ((names: Names, channel: string) => string)[] = [
  (names, channel) =>
    [
      firstTables(names),
      ...grantRoutines(names, channel),
      ...leaseRoutines(names),
      ...budgetRoutines(names),
      ...renewalRoutines(names),
    ].join('\n'),
]

/**
 * The schema as SQL text, for those who keep their own migrations: creates or upgrades everything that the
 * store needs, changes nothing when it is there already, and fails when it is newer than this package.
 *
 * Run it in one transaction at READ COMMITTED (most migration tools do). It takes an advisory lock for that
 * transaction, so any number of processes may run it at once.
 *
 * @param options - The same `schema` and `tablePrefix` as for `postgresStore`.
 * @returns Statements separated by semicolons, without parameters and without `BEGIN` and `COMMIT`.
 * @throws TypeError - an option is wrong.
 */
export function migrationSql(options: PostgresSchemaOptions = {}): string {
  const place = checkPlace('migrationSql', options)
  const names = namesOf(place)
  const channel = channelOf(place)
  const steps = migrations.map(
    (migration, i) => `
  IF found_version < ${i + 1} THEN
    EXECUTE ${dollarQuote(migration(names, channel))};
    UPDATE ${names.schemaVersion} SET version = ${i + 1};
  END IF;`,
  )
  const work = `
DECLARE
  found_version integer;
BEGIN
  IF NOT EXISTS (SELECT FROM pg_catalog.pg_namespace WHERE nspname = ${quoteLiteral(place.schema)}) THEN
    CREATE SCHEMA ${names.schema};
  END IF;
  IF to_regclass(${quoteLiteral(names.schemaVersion)}) IS NULL THEN
    IF to_regclass(${quoteLiteral(names.grants)}) IS NOT NULL THEN
      RAISE EXCEPTION 'Tables of these names exist already and are not Evergrant''s'
        USING ERRCODE = '${foreignTables}';
    END IF;
    CREATE TABLE ${names.schemaVersion} (
      single  boolean PRIMARY KEY DEFAULT true CHECK (single),
      version integer NOT NULL
    );
    INSERT INTO ${names.schemaVersion} (version) VALUES (0);
  END IF;
  SELECT version INTO STRICT found_version FROM ${names.schemaVersion};
  IF found_version > ${schemaVersion} THEN
    RAISE EXCEPTION 'Schema version % is newer than this @evergrant/store-postgres knows (${schemaVersion})', found_version
      USING ERRCODE = '${newerSchema}';
  END IF;${steps.join('')}
END
`
  return `-- @evergrant/store-postgres, schema version ${schemaVersion}
-- One at a time in each schema: two at once would both find that it is missing.
SELECT pg_advisory_xact_lock(hashtextextended(${quoteLiteral(`evergrant migrate ${place.schema}`)}, 0));
DO ${dollarQuote(work)};
`
}
