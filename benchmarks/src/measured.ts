/** What a benchmark found. */
export interface Measured {
  /** Printed as JSON. */
  readonly results: Readonly<Record<string, unknown>>
  /** What is not as promised, in words. */
  readonly problems: readonly string[]
}
