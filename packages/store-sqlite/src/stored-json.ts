import { EvergrantError } from '@evergrant/core'

/**
 * Reads a column that this package wrote as JSON. The parser's own error would quote the text, which may be a
 * secret.
 */
export function parseStored<T>(text: string): T {
  try {
    return JSON.parse(text) as T
  } catch {
    const message = 'The file of option `path` holds a row that was changed from outside. Restore the file.'
    throw new EvergrantError('STORE_UNUSABLE', message, { reason: 'DAMAGED_ROW' })
  }
}
