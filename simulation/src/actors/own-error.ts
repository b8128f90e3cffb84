import type { EvergrantError } from '@evergrant/core'

/** The error as one of core's, whichever copy of core made it. */
export function isEvergrant(error: unknown): EvergrantError | undefined {
  return error instanceof Error && error.name === 'EvergrantError' ? (error as EvergrantError) : undefined
}
