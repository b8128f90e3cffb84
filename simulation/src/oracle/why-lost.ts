import type { SimProcess } from '../fleet/sim-process.js'
import type { Ledger, LossCause, Presentation, Whereabouts } from './ledger.js'

/**
 * Why nobody at `byProcess` could have a successor at this instant, or `undefined`: somebody could, and whoever acts as
 * if it did not exist breaks a promise. Pure.
 *
 * @param lookedAtMs - when it last looked into the escrow of its machine
 */
export function whyOutOfReach(
  ledger: Ledger,
  whereabouts: Whereabouts,
  atMs: number,
  byProcess: SimProcess | undefined,
  lookedAtMs = atMs,
): LossCause | undefined {
  const { token, storedAtMs, refusedAtMs, escrowedAtMs, brought } = whereabouts
  const forgotten = ledger.forgotten.get(token.family.grantId)
  const isForgotten = forgotten !== undefined && forgotten <= atMs && forgotten >= token.issuedAtMs
  // It was dropped, and rightly, until the store forgot why.
  if (isForgotten && refusedAtMs !== undefined && refusedAtMs <= atMs) return 'forgotten'
  if (byProcess) {
    // Where it lies on the disk of this very machine, this process had to find it.
    const here = escrowedAtMs.get(byProcess.machine.name)
    if (here !== undefined && here <= lookedAtMs) return undefined
  }
  if (storedAtMs !== undefined && storedAtMs <= atMs) return isForgotten ? 'forgotten' : undefined
  let why: LossCause | undefined
  for (const presentation of brought) {
    const cause = fateOf(whereabouts, presentation, atMs)
    if (cause === undefined) return undefined
    why ??= cause
  }
  return why ?? 'reply-lost'
}

/** What became of the successor in the hands of whoever read this reply. */
function fateOf(whereabouts: Whereabouts, { request }: Presentation, atMs: number): LossCause | undefined {
  const { process, readAtMs } = request
  if (!request.gotSuccessor || readAtMs === undefined || readAtMs > atMs) {
    return diedBy(process, atMs) ? 'killed-with-it' : 'reply-lost'
  }
  if (diedBy(process, atMs)) {
    const escrowed = whereabouts.escrowedAtMs.get(process.machine.name)
    return escrowed !== undefined && escrowed <= atMs ? 'escrowed-elsewhere' : 'killed-with-it'
  }
  const sinceMs = request.sentAtMs
  const stood = process.freezes.some(({ fromMs, toMs }) => fromMs <= atMs && toMs >= sinceMs)
  const spoiled = whereabouts.spoiled.some((each) => each.process === process && each.atMs <= atMs)
  return stood || spoiled ? 'holder-out-of-reach' : undefined
}

function diedBy({ diedAtMs }: SimProcess, atMs: number): boolean {
  return diedAtMs !== undefined && diedAtMs <= atMs
}
