/**
 * One clock for all processes of a run: the system's monotonic clock, which every process reads alike, shifted to
 * look like epoch milliseconds. Wall clocks may step in the middle of a run; this one cannot.
 */
export function sharedClock(baseMs: number): () => number {
  return () => baseMs + Number(process.hrtime.bigint()) / 1e6
}

/** What the monotonic clock lacks to be epoch milliseconds; taken once, by the process that starts the others. */
export function clockBase(): number {
  return Date.now() - Number(process.hrtime.bigint()) / 1e6
}
