/**
 * The core under test. Handed in rather than imported: the mutants are the same modules with one line changed, from
 * another folder.
 */
export type Core = typeof import('@evergrant/core')
