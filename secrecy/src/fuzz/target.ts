import fc from 'fast-check'

/** One surface that strangers reach, and what must hold whatever they send. */
export interface Target {
  readonly name: string
  /** Rejects, or throws, when it does not hold. */
  readonly property: fc.IRawProperty<unknown>
}

/** The claim, in words that say what is broken; never with a secret. */
export function claim(holds: boolean, what: string): asserts holds {
  if (!holds) throw new Error(what)
}

/** Text as attackers write it: a mix of what parsers look for and of anything. */
export function textOf(...pieces: readonly string[]): fc.Arbitrary<string> {
  const piece = fc.oneof(
    fc.constantFrom(...pieces),
    fc.string({ unit: 'binary', maxLength: 6 }),
    fc.string({ maxLength: 6 }),
  )
  return fc.array(piece, { maxLength: 12 }).map((parts) => parts.join(''))
}

/** Strings that a header can carry, as they come out of Node's parser. */
export const headerText = (text: string): string => text.replace(/[^\t\x20-\x7e\x80-\xff]/g, '').trim()
