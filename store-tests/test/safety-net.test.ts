import { chmodSync, mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, it, onTestFinished } from 'vitest'
import { startWorker } from '../src/processes/start.js'
import type { Jobs } from './processes/start-everything.js'

const answers = (port: number): Promise<boolean> =>
  new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1', () => resolve(true))
    socket.on('error', () => resolve(false))
    socket.on('close', () => socket.destroy())
    socket.unref()
  })

function isThere(pid: number): boolean {
  try {
    return process.kill(pid, 0)
  } catch {
    return false
  }
}

it('stops servers and processes, also stopped ones, and removes folders of a process that was killed', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'evergrant-net-'))
  chmodSync(folder, 0o755) // PostgreSQL may run as somebody else.
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }))
  const worker = await startWorker<Jobs>(new URL('./processes/start-everything.ts', import.meta.url), folder)
  const { ports, pid } = await worker.ask('start')
  const all = async () => [...(await Promise.all(ports.map(answers))), isThere(pid)]
  expect(await all()).toEqual([...ports.map(() => true), true])
  expect(readdirSync(folder).filter((name) => name.startsWith('evergrant-'))).toHaveLength(ports.length)

  worker.child.kill('SIGKILL')
  await expect.poll(all, { timeout: 10_000 }).toEqual([...ports.map(() => false), false])
  await expect
    .poll(() => readdirSync(folder).filter((name) => name.startsWith('evergrant-')), { timeout: 10_000 })
    .toEqual([])
})
