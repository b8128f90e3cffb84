import { setTimeout as pause } from 'node:timers/promises'

/** Bytes in use once everything that can go is gone. Needs `node --expose-gc`. */
export async function settledHeap(): Promise<number> {
  const collect = globalThis.gc
  if (collect === undefined) throw new Error('start this process with --expose-gc')
  // What a collection finalizes, such as sockets, frees more for the next one.
  for (let round = 0; round < 3; round++) {
    collect()
    await pause(10)
  }
  collect()
  return process.memoryUsage().heapUsed
}
