import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import type { FleetSetup, Order, Report, StoreAwaySetup, WorkerSetup } from './messages.js'

export interface Worker {
  readonly child: ChildProcess
  run(order: Order): Promise<Report>
  stop(): Promise<void>
}

/** Starts a worker from source and waits until it takes orders. */
export async function startWorker(setup: WorkerSetup): Promise<Worker> {
  const child = await startProcess('./worker.ts', setup)
  return {
    child,
    async run(order) {
      const answer = once(child, 'message')
      child.send(order)
      const [report] = (await answer) as [Report]
      return report
    },
    async stop() {
      if (child.exitCode !== null || child.signalCode !== null) return
      const exited = once(child, 'exit')
      child.disconnect()
      await exited
    },
  }
}

/** Runs one of the programs of this folder from source, and waits until it says that it is ready. */
export async function startProcess(
  program: string,
  setup: WorkerSetup | FleetSetup | StoreAwaySetup,
): Promise<ChildProcess> {
  const child = fork(new URL(program, import.meta.url), [JSON.stringify(setup)], {
    execArgv: ['--conditions=@evergrant/source', '--import=tsx'],
  })
  await once(child, 'message')
  return child
}
