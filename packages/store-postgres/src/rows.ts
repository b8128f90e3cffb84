import type { GrantRecord, GrantSummary } from '@evergrant/core'
import { unusableStore } from './postgres-errors.js'

/** A secret or reason as it is stored: PostgreSQL's text cannot hold a NUL, a JSON string can name it. */
export const toStored = (text: string): string => JSON.stringify(text)

/** Reads what this package wrote as JSON. The parser's own error would quote the text, which may be a secret. */
export function parseStored<T>(text: string): T {
  try {
    return JSON.parse(text) as T
  } catch {
    throw unusableStore('A row was changed from outside. Restore it.', 'DAMAGED_ROW')
  }
}

/** A grant as the functions answer it. */
export type SummaryJson = Omit<GrantSummary, 'reason'> & { readonly reason: string | null }
export type RecordJson = SummaryJson & { readonly secret: string }

export function toSummary({ reason, ...summary }: SummaryJson): GrantSummary {
  return reason === null ? summary : { ...summary, reason: parseStored<string>(reason) }
}

export function toRecord({ secret, ...summary }: RecordJson): GrantRecord {
  return { ...toSummary(summary), secret: parseStored<string>(secret) }
}

/** An answer whose record, if it has one, is still as the functions give it. */
interface AnswerJson {
  readonly record?: RecordJson | null
}

/** The answer of a step, its record read. */
export function toAnswer<A>(answer: unknown): A {
  const { record, ...rest } = answer as AnswerJson
  return (record === undefined || record === null ? rest : { ...rest, record: toRecord(record) }) as A
}

/** The answer of a step that may find nothing: then `record` is there and `undefined`. */
export function toFound<A extends { readonly record: GrantRecord | undefined }>(answer: unknown): A {
  return { record: undefined, ...toAnswer<object>(answer) } as unknown as A
}
