import { createHash } from 'node:crypto'
import { maxIdentifierBytes, type Place } from './options.js'

/** A name as PostgreSQL reads it, whatever it holds. */
export const quoteIdentifier = (name: string): string => `"${name.replaceAll('"', '""')}"`

/** A text as PostgreSQL reads it, whatever `standard_conforming_strings` says. */
export function quoteLiteral(text: string): string {
  const quoted = `'${text.replaceAll("'", "''").replaceAll('\\', '\\\\')}'`
  return text.includes('\\') ? ` E${quoted}` : quoted
}

/** Quotes code that may hold any text, the odd names of a user included. */
export function dollarQuote(code: string): string {
  let tag = '$evergrant$'
  for (let i = 1; code.includes(tag); i++) tag = `$evergrant${i}$`
  return `${tag}${code}${tag}`
}

/** Everything that the store calls by name in the database; all quoted and with their schema. */
export interface Names {
  readonly schema: string
  readonly grants: string
  readonly budgets: string
  readonly budgetSlots: string
  readonly budgetDemands: string
  readonly schemaVersion: string
  /** Quoted, without a schema: an index lives in that of its table. */
  readonly dueIndex: string
  /** A function or procedure of this name. */
  routine(name: string): string
}

export function namesOf({ schema, tablePrefix }: Place): Names {
  const qualified = (name: string): string =>
    `${quoteIdentifier(schema)}.${quoteIdentifier(tablePrefix + name)}`
  return {
    schema: quoteIdentifier(schema),
    grants: qualified('grants'),
    budgets: qualified('budgets'),
    budgetSlots: qualified('budget_slots'),
    budgetDemands: qualified('budget_demands'),
    schemaVersion: qualified('schema_version'),
    dueIndex: quoteIdentifier(`${tablePrefix}grants_due`),
    routine: qualified,
  }
}

/** The channel of NOTIFY: one for each schema and prefix; hashed when it would be longer than a name may be. */
export function channelOf({ schema, tablePrefix }: Place): string {
  // The length tells apart what would run together: schema `a`, prefix `b.` and schema `a.b`.
  const channel = `evergrant ${schema.length} ${schema}.${tablePrefix}`
  if (Buffer.byteLength(channel) <= maxIdentifierBytes) return channel
  return `evergrant ${createHash('sha256').update(channel).digest('hex').slice(0, 40)}`
}
