import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { connect, createServer } from 'node:net'
import { setTimeout as pause } from 'node:timers/promises'
import type { SafetyNet } from './safety-net.js'
import type { StoreHost } from './store-host.js'

const READY_WITHIN_MS = 10_000

/** What Evergrant asks of a Redis that must not forget: each write is on the disk before it is answered. */
const DURABLE = ['--save', '', '--appendonly', 'yes', '--appendfsync', 'always']

async function freePort(): Promise<number> {
  const probe = createServer().listen(0, '127.0.0.1')
  await once(probe, 'listening')
  const { port } = probe.address() as { port: number }
  await new Promise((resolve) => probe.close(resolve))
  return port
}

function answersPing(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1', () => socket.write('PING\r\n'))
    socket.setTimeout(500, () => socket.destroy())
    socket.once('data', (reply) => {
      resolve(reply.toString().startsWith('+PONG'))
      socket.destroy()
    })
    socket.on('error', () => {})
    socket.once('close', () => resolve(false))
  })
}

/** A Redis of this run's own, on a free port of the loopback interface. */
export async function hostRedis(folder: string, escrow: string, net: SafetyNet): Promise<StoreHost> {
  const port = await freePort()
  const binary = process.env.REDIS_SERVER ?? 'redis-server'
  let server: ChildProcess | undefined

  async function start(): Promise<void> {
    const place = ['--port', String(port), '--bind', '127.0.0.1', '--dir', folder, '--loglevel', 'warning']
    const child = spawn(binary, [...place, ...DURABLE], { stdio: 'ignore', detached: true })
    server = child
    let failure: Error | undefined
    child.once('error', (error) => {
      failure = error
    })
    net.started(child.pid)
    child.once('exit', () => net.ended(child.pid))
    const givenUpAtMs = performance.now() + READY_WITHIN_MS
    while (!(await answersPing(port))) {
      if (failure)
        throw new Error(`cannot start ${binary}: install it or set REDIS_SERVER`, { cause: failure })
      if (performance.now() > givenUpAtMs) throw new Error('redis-server does not come up')
      await pause(5)
    }
  }

  async function stop(signal: NodeJS.Signals): Promise<void> {
    const child = server
    server = undefined
    if (!child || child.exitCode !== null || child.signalCode !== null) return
    const exited = once(child, 'exit')
    child.kill(signal)
    await exited
  }

  await start()
  return {
    address: { kind: 'redis', url: `redis://127.0.0.1:${port}`, escrow },
    async restart({ crash, awayMs }) {
      await stop(crash ? 'SIGKILL' : 'SIGTERM')
      await pause(awayMs)
      await start()
    },
    close: () => stop('SIGKILL'),
  }
}
