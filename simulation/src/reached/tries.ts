import type { AcquireRequest, EvergrantEvent, GrantKey } from '@evergrant/core'
import type { SimProcess } from '../fleet/sim-process.js'
import type { SentRequest } from '../network/sim-fetch.js'
import { grantName } from '../oracle/ledger.js'
import type { StoreWrite } from '../store/sim-store.js'
import type { Fault } from './faults.js'
import { outcomeByEvent } from './outcome-by-event.js'
import type { Outcome } from './outcomes.js'
import type { State } from './states.js'

/** Whom a fault befalls; what is left out is anyone. */
export interface Struck {
  readonly process?: SimProcess | undefined
  readonly provider?: string | undefined
  readonly grantId?: string | undefined
  /** The request that it befalls, once its bytes have left. */
  readonly request?: SentRequest | undefined
  /** A connection: whose it is can be told only where one alone can be meant. */
  readonly isConnecting?: boolean | undefined
}

/**
 * Follows each try of a rotation from outside, by what core asks its store, sends, and reports: what it met, what
 * befell it, and what it came to.
 */
export interface Tries {
  asks(process: SimProcess, request: AcquireRequest): void
  /** The store carried a step out. */
  carriedOut(process: SimProcess, write: StoreWrite): void
  /** Core heard the answer. */
  heard(process: SimProcess, key: GrantKey, step: 'acquire' | 'arm' | 'fail', status: string): void
  /** An answer came just when core gave it up: what core made of it cannot be told. */
  maybeHeard(process: SimProcess, key: GrantKey): void
  /** Core heard that the budget is used up for so long. */
  toldToWait(process: SimProcess, provider: string, forMs: number): void
  released(process: SimProcess, of: GrantKey & { readonly attempt: string }, isClosing: boolean): void
  sent(process: SimProcess, grantId: string, request: SentRequest): void
  told(process: SimProcess, event: EvergrantEvent): void
  struck(fault: Fault, whom: Struck): void
  died(process: SimProcess): void
  /** Whoever has the lease of this grant, or what it brought. */
  holderOf(grantId: string): SimProcess | undefined
  /** Everything that the step set off has settled. */
  endOfStep(): void
}

interface Try {
  readonly process: SimProcess
  readonly key: GrantKey
  readonly question: AcquireRequest
  state: State
  isSeen: boolean
  hasLease: boolean
  readonly faults: Set<Fault>
  request: SentRequest | undefined
  isUnconnected: boolean
  /** What it came to, unless an event of the same step says it better. */
  verdict: Outcome | 'untold' | undefined
}

export function createTries(options: {
  readonly now: () => number
  readonly stateOf: (request: AcquireRequest, write: StoreWrite | undefined) => State
  readonly count: (name: string) => void
}): Tries {
  const { now, stateOf, count } = options
  const open = new Map<SimProcess, Map<string, Try>>()
  const shutUntilMs = new Map<SimProcess, Map<string, number>>()
  const judged = new Set<Try>()
  const muddled = new Set<SimProcess>()

  const find = (process: SimProcess, key: GrantKey): Try | undefined => open.get(process)?.get(grantName(key))

  function end(each: Try | undefined, outcome: Outcome | 'untold'): void {
    if (!each || open.get(each.process)?.get(grantName(each.key)) !== each) return
    open.get(each.process)?.delete(grantName(each.key))
    judged.delete(each)
    if (outcome === 'untold') return
    count(`state ${each.state} × ${outcome}`)
    for (const fault of each.faults) count(`fault ${fault} × ${outcome}`)
  }

  function judge(each: Try | undefined, verdict: Outcome | 'untold'): void {
    if (!each) return
    each.verdict = verdict
    judged.add(each)
  }

  function isMeant(each: Try, { process, provider, grantId, request }: Struck): boolean {
    return (
      (process === undefined || each.process === process) &&
      (provider === undefined || each.key.provider === provider) &&
      (grantId === undefined || each.key.grantId === grantId) &&
      (request === undefined || each.request === request)
    )
  }

  return {
    asks(process, request) {
      const before = find(process, request)
      if (before?.hasLease && before.question.attempt !== request.attempt) {
        // Removed and authorized again while a rotation of the old one goes on: whose an event is cannot be told.
        muddled.add(process)
        open.delete(process)
      }
      // While it settles, a try asks again and again.
      if (before?.hasLease || muddled.has(process)) return
      // Nobody told what became of its question: there was nothing left to tell it of.
      end(before, 'store away')
      const { provider, grantId } = request
      const made: Try = {
        process,
        key: { provider, grantId },
        question: request,
        state: stateOf(request, undefined),
        isSeen: false,
        hasLease: false,
        faults: new Set(),
        request: undefined,
        isUnconnected: false,
        verdict: undefined,
      }
      const ofProcess = open.get(process)
      if (ofProcess) ofProcess.set(grantName(request), made)
      else open.set(process, new Map([[grantName(request), made]]))
    },
    carriedOut(process, write) {
      if (write.step !== 'acquire') return
      const request = write.request as AcquireRequest
      const each = find(process, request)
      // The first time that this very question arrives, not what was asked before or arrives once more.
      if (each?.question !== request || each.isSeen) return
      each.isSeen = true
      each.state = stateOf(request, write)
    },
    heard(process, key, step, status) {
      const each = find(process, key)
      if (!each) return
      if (status === 'acquired') each.hasLease = true
      else if (step === 'fail' && status !== 'failed') judge(each, 'refused, unmarked')
      else if (status === 'superseded' || status === 'missing') judge(each, 'overtaken')
      else if (status === 'busy') judge(each, 'busy')
      else if (status === 'not-holder') judge(each, 'lease lost')
    },
    maybeHeard(process, key) {
      judge(find(process, key), 'untold')
    },
    toldToWait(process, provider, forMs) {
      const times = shutUntilMs.get(process) ?? new Map<string, number>()
      shutUntilMs.set(process, times.set(provider, now() + forMs))
    },
    released(process, of, isClosing) {
      const each = find(process, of)
      if (each?.question.attempt !== of.attempt || each.verdict) return
      const isShut = now() <= (shutUntilMs.get(process)?.get(of.provider) ?? 0)
      // Of a grant that was removed meanwhile core tells nothing more.
      if (each.request) judge(each, 'untold')
      else if (each.isUnconnected) judge(each, 'not sent')
      else judge(each, isClosing ? 'closed' : isShut ? 'no slot' : 'fresh')
    },
    sent(process, grantId, request) {
      const each = [...(open.get(process)?.values() ?? [])].find(({ key }) => key.grantId === grantId)
      if (each) each.request = request
    },
    told(process, event) {
      if (!('grantId' in event)) return
      const each = find(process, event)
      if (!each) return
      const outcome = outcomeByEvent(event, each.request !== undefined)
      // One whose answer said enough was over when its manager closed.
      if (outcome) end(each, outcome === 'closed' ? (each.verdict ?? outcome) : outcome)
    },
    struck(fault, whom) {
      const meant: Try[] = []
      for (const ofProcess of open.values())
        for (const each of ofProcess.values()) if (isMeant(each, whom)) meant.push(each)
      const [first] = meant
      const isAmbiguous =
        meant.length !== 1 || !first?.hasLease || first.request || muddled.has(first.process)
      if (whom.isConnecting && isAmbiguous) return
      for (const each of meant) each.faults.add(fault)
      if (whom.isConnecting && first) first.isUnconnected = true
    },
    died(process) {
      for (const each of open.get(process)?.values() ?? []) end(each, 'died')
      open.delete(process)
    },
    holderOf(grantId) {
      for (const [process, ofProcess] of open)
        for (const { key, hasLease } of ofProcess.values())
          if (hasLease && key.grantId === grantId) return process
      return undefined
    },
    endOfStep() {
      for (const each of judged) end(each, each.verdict ?? 'fresh')
    },
  }
}
