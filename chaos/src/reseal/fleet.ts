import { type ChildProcess, fork } from 'node:child_process'
import { fromSource } from '@evergrant/store-tests/processes/start'
import { safetyNet } from '@evergrant/store-tests/safety-net'
import type { Message, Order, WorkerReport } from './messages.js'

/** Processes that rotate until they are told to stop. */
export interface RotatingFleet {
  stop(): Promise<readonly WorkerReport[]>
  kill(): void
}

/** Resolves when every process has rotated something. */
export async function startRotating(
  size: number,
  order: Extract<Order, { type: 'rotate' }>,
): Promise<RotatingFleet> {
  const children = Array.from({ length: size }, () => {
    const child = fork(new URL('./worker.ts', import.meta.url), { execArgv: [...fromSource] })
    safetyNet.started(child.pid)
    child.once('exit', () => safetyNet.ended(child.pid))
    return child
  })
  const tellAll = (what: Order): void => {
    for (const child of children) child.send(what)
  }
  await Promise.all(children.map((child) => next(child, 'booted')))
  const rotating = children.map((child) => next(child, 'rotating'))
  tellAll(order)
  await Promise.all(rotating)
  return {
    async stop() {
      const stopped = children.map((child) => next(child, 'stopped'))
      tellAll({ type: 'stop' })
      const messages = await Promise.all(stopped)
      for (const child of children) child.disconnect()
      return messages.map(({ report }) => report)
    },
    kill() {
      for (const child of children) child.kill('SIGKILL')
    },
  }
}

function next<T extends Message['type']>(
  child: ChildProcess,
  type: T,
): Promise<Extract<Message, { type: T }>> {
  return new Promise((resolve, reject) => {
    child.on('message', (message: Message) => {
      if (message.type === type) resolve(message as Extract<Message, { type: T }>)
    })
    child.once('exit', (code, signal) => reject(new Error(`a process ended: ${signal ?? `code ${code}`}`)))
  })
}
