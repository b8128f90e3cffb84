/** What happened in a run, counted by name. */
export interface Tally {
  readonly faults: Map<string, number>
  readonly coverage: Map<string, number>
  rotations: number
  calls: number
  steps: number
}

export function createTally(): Tally {
  return { faults: new Map(), coverage: new Map(), rotations: 0, calls: 0, steps: 0 }
}

export function count(map: Map<string, number>, name: string, by = 1): void {
  map.set(name, (map.get(name) ?? 0) + by)
}
