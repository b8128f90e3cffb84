import { spawn } from 'node:child_process'
import { postgresIsThere } from '../../src/postgres-programs.js'
import { startPostgres } from '../../src/postgres-server.js'
import { readSetup, serve } from '../../src/processes/serve.js'
import { redisProgram } from '../../src/redis-program.js'
import { startRedis } from '../../src/redis-server.js'
import { safetyNet } from '../../src/safety-net.js'

export interface Jobs {
  /** Starts each server that there is, and a process; answers the ports and the pid. */
  start(): Promise<{ readonly ports: readonly number[]; readonly pid: number }>
}

// Everything that is written goes there.
process.env.TMPDIR = readSetup<string>()

const jobs: Jobs = {
  async start() {
    const ports: number[] = []
    if (redisProgram !== undefined) ports.push((await startRedis({ persistence: 'always' })).port)
    if (postgresIsThere) ports.push((await startPostgres()).port)
    const sleeper = spawn('sleep', ['600'], { detached: true, stdio: 'ignore' })
    safetyNet.started(sleeper.pid)
    sleeper.kill('SIGSTOP')
    return { ports, pid: sleeper.pid ?? 0 }
  },
}
serve(jobs)
