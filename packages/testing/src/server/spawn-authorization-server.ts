import { type ChildProcess, spawn } from 'node:child_process'
import { createRequire } from 'node:module'
import { createInterface } from 'node:readline'
import { fileURLToPath, pathToFileURL } from 'node:url'
import type { AuthorizationServerOptions } from './options.js'
import { connectAuthorizationServer, type RemoteAuthorizationServer } from './remote-authorization-server.js'

/** Options that can cross to another process. */
export type SpawnAuthorizationServerOptions = Omit<AuthorizationServerOptions, 'now' | 'control'>

/** A server in a process of its own. */
export interface SpawnedAuthorizationServer extends RemoteAuthorizationServer {
  readonly controlUrl: string
  readonly pid: number
  /** Ends the process and waits for its end. May be called twice. */
  close(): Promise<void>
}

/**
 * Starts the server as a child process, so that several processes can be tested against it and none of them owns it.
 * Hand `controlUrl` to them and let them call `connectAuthorizationServer`.
 *
 * The child ends with `close()`, and by itself when this process is gone; it does not keep this process alive.
 *
 * @throws Error when the child ends before it listens; with the reason it gave.
 */
export async function spawnAuthorizationServer(
  options: SpawnAuthorizationServerOptions = {},
): Promise<SpawnedAuthorizationServer> {
  const child = spawn(process.execPath, [...entry(), JSON.stringify(options)], {
    stdio: ['ignore', 'pipe', 'inherit', 'ipc'],
  })
  const ended = new Promise<void>((resolve) => void child.once('exit', () => resolve()))
  const controlUrl = await controlUrlOf(child)
  const remote = await connectAuthorizationServer(controlUrl)
  child.unref()
  child.channel?.unref()
  return {
    ...remote,
    controlUrl,
    pid: child.pid ?? 0,
    async close() {
      if (child.exitCode !== null || child.signalCode !== null) return
      child.ref()
      child.kill('SIGTERM')
      await ended
    },
  }
}

/** How to start `main`: built by plain Node, from source under tsx. */
function entry(): string[] {
  if (!import.meta.url.endsWith('.ts')) return [fileURLToPath(new URL('./main.js', import.meta.url))]
  const tsx = pathToFileURL(createRequire(import.meta.url).resolve('tsx')).href
  const main = fileURLToPath(new URL('./main.ts', import.meta.url))
  return ['--conditions=@evergrant/source', `--import=${tsx}`, main]
}

async function controlUrlOf(child: ChildProcess): Promise<string> {
  if (!child.stdout) throw new Error('authorization server: no output to read its address from')
  const lines = createInterface({ input: child.stdout })
  try {
    return await new Promise((resolve, reject) => {
      const failed = (): void => reject(new Error('authorization server: ended before it was listening'))
      child.once('error', failed)
      child.once('exit', failed)
      lines.once('line', (line) => {
        const { controlUrl, error } = JSON.parse(line) as { controlUrl?: string; error?: string }
        if (controlUrl !== undefined) resolve(controlUrl)
        else reject(new Error(`authorization server: ${error}`))
      })
    })
  } finally {
    lines.close()
    child.stdout.destroy()
  }
}
