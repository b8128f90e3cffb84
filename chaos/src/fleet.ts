import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { fromSource } from '@evergrant/store-tests/processes/start'
import { safetyNet } from '@evergrant/store-tests/safety-net'
import type { Message, Order, Proof, WorkerSetup } from './messages.js'
import type { StoreKind } from './open-store.js'

/** A process that is at work. */
export interface FleetWorker {
  readonly number: number
  readonly pid: number
  tell(order: Order): void
  signal(signal: NodeJS.Signals): void
  isRunning(): boolean
  /** Resolves when the process is gone. */
  readonly gone: Promise<void>
  /** Resolves with the next message of this kind, never if the process goes before. */
  next<T extends Message['type']>(
    type: T,
    matches?: (message: Extract<Message, { type: T }>) => boolean,
  ): Promise<Extract<Message, { type: T }>>
}

export interface FleetListener {
  proof(worker: number, proof: Proof): void
  waits(worker: number, grantId: string, reason: string): void
  /** Gone without having been killed by this program. */
  crashed(worker: number, how: string): void
}

/** Worker processes: `size` at work, and some booted that wait for one to be killed. */
export interface Fleet {
  /** The workers at work, one in each slot. */
  readonly workers: readonly FleetWorker[]
  /** Fills every slot. */
  start(): Promise<void>
  /** Boots spares for those that are used up. Booting takes a core: it is done between the rounds. */
  refill(): Promise<void>
  /** Puts a fresh process into the slot of one that is gone. */
  replace(slot: number): Promise<FleetWorker>
  /** SIGKILL for all, spares included; resolves when all are gone. */
  end(): Promise<void>
}

export interface FleetOptions {
  readonly store: StoreKind
  readonly size: number
  readonly spares: number
  readonly listener: FleetListener
  setupOf(worker: number): WorkerSetup
}

export function createFleet({ store, size, spares, listener, setupOf }: FleetOptions): Fleet {
  const workers: FleetWorker[] = []
  const waiting: { worker: FleetWorker; booted: Promise<unknown> }[] = []
  const alive = new Set<ChildProcess>()
  let started = 0
  let ending = false

  function boot(): void {
    started += 1
    const number = started
    // Detached: a Ctrl-C in the terminal reaches the main process alone.
    const child = fork(new URL('./worker.ts', import.meta.url), [store], {
      execArgv: [...fromSource],
      detached: true,
      stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
    })
    alive.add(child)
    safetyNet.started(child.pid)
    const gone = once(child, 'exit').then(([code, signal]) => {
      alive.delete(child)
      safetyNet.ended(child.pid)
      if (signal !== 'SIGKILL' && !ending) listener.crashed(number, String(signal ?? `code ${code}`))
    })
    child.on('error', () => {}) // Sending to a process that was just killed.
    const waiters = new Set<{ wants(message: Message): boolean; resolve(message: never): void }>()
    child.on('message', (message: Message) => {
      if (message.type === 'proof') listener.proof(number, message)
      if (message.type === 'waits') listener.waits(number, message.grantId, message.reason)
      for (const waiter of waiters) {
        if (!waiter.wants(message)) continue
        waiters.delete(waiter)
        waiter.resolve(message as never)
      }
    })
    const worker: FleetWorker = {
      number,
      pid: child.pid ?? 0,
      tell(order) {
        if (child.connected) child.send(order, () => {})
      },
      signal: (signal) => void child.kill(signal),
      isRunning: () => child.exitCode === null && child.signalCode === null,
      gone,
      next: (type, matches = () => true) =>
        new Promise((resolve) => {
          waiters.add({ wants: (message) => message.type === type && matches(message as never), resolve })
        }),
    }
    waiting.push({ worker, booted: worker.next('booted') })
  }

  async function take(): Promise<FleetWorker> {
    if (waiting.length === 0) boot()
    const { worker, booted } = waiting.shift() as (typeof waiting)[number]
    await Promise.race([booted, worker.gone])
    const ready = worker.next('ready')
    worker.tell(setupOf(worker.number))
    await Promise.race([ready, worker.gone])
    if (!worker.isRunning()) throw new Error(`worker ${worker.number} did not start`)
    return worker
  }

  const replace = async (slot: number): Promise<FleetWorker> => {
    const worker = await take()
    workers[slot] = worker
    return worker
  }

  return {
    workers,
    replace,
    async refill() {
      while (waiting.length < spares) boot()
      await Promise.all(waiting.map(({ worker, booted }) => Promise.race([booted, worker.gone])))
    },
    async start() {
      await Promise.all(Array.from({ length: size }, (_, slot) => replace(slot)))
    },
    async end() {
      ending = true
      const exits = [...alive].map((child) => once(child, 'exit'))
      for (const child of alive) child.kill('SIGKILL')
      await Promise.all(exits)
    },
  }
}
