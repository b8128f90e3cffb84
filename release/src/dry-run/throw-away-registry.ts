import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { createServer } from 'node:net'
import { join } from 'node:path'

const program = createRequire(import.meta.url).resolve('verdaccio/bin/verdaccio')

/** It takes what anybody publishes, knows no other registry, and keeps everything in one folder. */
const configuration = (folder: string): string => `
storage: ${join(folder, 'storage')}
auth:
  htpasswd:
    file: ${join(folder, 'htpasswd')}
packages:
  '**': { access: $all, publish: $all }
web: { enable: false }
log: { type: stdout, format: json, level: warn }
`

export interface ThrowAwayRegistry {
  readonly url: string
  stop(): Promise<void>
}

/** Starts a registry on a free port of loopback. @throws Error with its output when it does not come up in time */
export async function startRegistry(folder: string, startTimeoutMs = 60_000): Promise<ThrowAwayRegistry> {
  const file = join(folder, 'verdaccio.yaml')
  writeFileSync(file, configuration(folder))
  const url = `http://127.0.0.1:${await freePort()}`
  const child = spawn(process.execPath, [program, '--config', file, '--listen', url], { cwd: folder })
  const stopped = once(child, 'close')
  // Whatever ends this process ends the registry too.
  const kill = (): void => void child.kill('SIGKILL')
  process.once('exit', kill)
  const stop = async (): Promise<void> => {
    kill()
    await stopped
    process.off('exit', kill)
  }
  let output = ''
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk) => (output += String(chunk)))
  const deadlineMs = performance.now() + startTimeoutMs
  while (!(await answers(url))) {
    if (child.exitCode !== null || performance.now() > deadlineMs) {
      await stop()
      throw new Error(`the throw-away registry did not start\n${output.slice(-4_000)}`)
    }
    await new Promise((resolve) => setTimeout(resolve, 100))
  }
  return { url, stop }
}

const answers = (url: string): Promise<boolean> =>
  fetch(`${url}/-/ping`).then(
    async (response) => {
      await response.body?.cancel()
      return response.ok
    },
    () => false,
  )

async function freePort(): Promise<number> {
  const probe = createServer().listen(0, '127.0.0.1')
  await once(probe, 'listening')
  const address = probe.address()
  await new Promise((resolve) => probe.close(resolve))
  if (address === null || typeof address === 'string') throw new Error('no port')
  return address.port
}
