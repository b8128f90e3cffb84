/** What may be told of an error that somebody else threw: its message may quote secrets, its name does not. */
export function errorName(error: unknown): string | undefined {
  return error instanceof Error && /^\w{1,40}$/.test(error.name) ? error.name : undefined
}
