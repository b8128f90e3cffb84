/** What a benchmark found. */
export interface Measured {
  /** The figures that stand for it, by name. */
  readonly ratios?: Readonly<Record<string, number | undefined>>
  /** Printed as JSON. */
  readonly results: Readonly<Record<string, unknown>>
  /** What is not as promised, in words. */
  readonly problems: readonly string[]
}
