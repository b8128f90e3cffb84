import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import type { Board } from './board.js'
import type { Message, Order, WorkerSetup } from './messages.js'

/** The worker processes: starts them, readies them for a drill, kills them, and lets them end in order. */
export interface Fleet {
  started(): number
  kills(): number
  /** Starts one more worker; resolves with its number once it is at work. */
  start(): Promise<number>
  /** Resolves once this worker makes no calls and no refresh token of it is under way: it may be killed. */
  drill(number: number, holdLease: boolean): Promise<{ readonly holdsLease: boolean }>
  /** SIGKILL: nothing of the process runs after it. */
  kill(number: number): Promise<void>
  /** Lets every worker finish its calls, close its manager and its store, and end. */
  stop(): Promise<void>
  /** Ends them now, whatever they do. */
  force(): void
}

interface Running {
  readonly child: ChildProcess
  readonly ended: Promise<unknown>
  /** An end that somebody asked for. */
  expected: 'killed' | 'stopped' | undefined
}

const ANSWER_WITHIN_MS = 10_000
const STOP_WITHIN_MS = 10_000

export function createFleet(setup: WorkerSetup, board: Board): Fleet {
  const running = new Map<number, Running>()
  let started = 0
  let kills = 0

  function hear(number: number, message: Message): void {
    switch (message.type) {
      case 'report':
        board.reported(number, message)
        break
      case 'rotated':
        board.rotated(number, message.generation)
        break
      case 'trouble':
        board.warn(`worker ${number}: ${message.text}`)
        break
      case 'ready':
      case 'drilled':
        break
    }
  }

  function ended(number: number, code: number | null, signal: string | null): void {
    const expected = running.get(number)?.expected
    running.delete(number)
    if (expected === 'killed' && signal === 'SIGKILL') {
      kills += 1
      board.became(number, 'killed')
    } else if (expected === 'stopped' && code === 0) {
      board.became(number, 'stopped')
    } else {
      board.became(number, 'crashed')
      board.trouble(`worker ${number} ended by itself (${signal ?? `code ${code}`})`)
    }
  }

  /** The next message of this kind; rejects if the worker ends before, or says nothing for too long. */
  async function answer<T extends Message['type']>(
    { child, ended: end }: Running,
    type: T,
  ): Promise<Extract<Message, { type: T }>> {
    const heard = new Promise<Extract<Message, { type: T }>>((resolve) => {
      const listen = (message: Message): void => {
        if (message.type !== type) return
        child.off('message', listen)
        resolve(message as Extract<Message, { type: T }>)
      }
      child.on('message', listen)
    })
    let timer: NodeJS.Timeout | undefined
    const never = new Promise<never>((_, reject) => {
      timer = setTimeout(() => reject(new Error(`a worker was not '${type}' in time`)), ANSWER_WITHIN_MS)
      void end.then(() => reject(new Error(`a worker ended before it was '${type}'`)))
    })
    return Promise.race([heard, never]).finally(() => clearTimeout(timer))
  }

  function tell(worker: Running, order: Order): void {
    if (worker.child.connected) worker.child.send(order)
  }

  return {
    started: () => started,
    kills: () => kills,

    async start() {
      started += 1
      const number = started
      // Detached: a Ctrl-C in the terminal reaches the main process alone, which then ends the others in order.
      const child = fork(new URL('./worker.ts', import.meta.url), {
        detached: true,
        stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
      })
      const worker: Running = { child, ended: once(child, 'exit'), expected: undefined }
      running.set(number, worker)
      child.on('message', (message: Message) => hear(number, message))
      child.once('exit', (code, signal) => ended(number, code, signal))
      board.joined(number, child.pid ?? 0)
      tell(worker, setup)
      await answer(worker, 'ready')
      return number
    },

    async drill(number, holdLease) {
      const worker = running.get(number)
      if (worker === undefined) throw new Error(`there is no worker ${number} to drill`)
      const drilled = answer(worker, 'drilled')
      tell(worker, { type: 'drill', holdLease })
      return drilled
    },

    async kill(number) {
      const worker = running.get(number)
      if (worker === undefined) return
      worker.expected = 'killed'
      worker.child.kill('SIGKILL')
      await worker.ended
    },

    async stop() {
      const workers = [...running.values()]
      for (const worker of workers) {
        worker.expected ??= 'stopped'
        tell(worker, { type: 'stop' })
      }
      const timer = setTimeout(() => {
        for (const { child } of workers) child.kill('SIGKILL')
      }, STOP_WITHIN_MS)
      await Promise.allSettled(workers.map(({ ended: end }) => end))
      clearTimeout(timer)
    },

    force() {
      for (const { child } of running.values()) child.kill('SIGKILL')
    },
  }
}
