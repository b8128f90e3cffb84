import { spawn } from 'node:child_process'

/**
 * Kills what was started and removes what was written when this process is gone, however it went: a stopped worker
 * or a database server would otherwise outlive a `kill -9` of the main process.
 */
export interface SafetyNet {
  started(pid: number | undefined): void
  ended(pid: number | undefined): void
  folder(path: string): void
  close(): void
}

const program = `
  const pids = new Set(), folders = []
  let text = ''
  process.stdin.on('data', (chunk) => {
    const lines = (text + chunk).split('\\n')
    text = lines.pop()
    for (const line of lines) {
      const [kind, value] = JSON.parse(line)
      if (kind === 'started') pids.add(value)
      if (kind === 'ended') pids.delete(value)
      if (kind === 'folder') folders.push(value)
    }
  })
  process.stdin.on('end', () => {
    for (const pid of pids) try { process.kill(pid, 'SIGKILL') } catch {}
    for (const path of folders) require('node:fs').rmSync(path, { recursive: true, force: true, maxRetries: 5 })
    process.exit()
  })`

export function spreadSafetyNet(): SafetyNet {
  const keeper = spawn(process.execPath, ['-e', program], {
    detached: true,
    cwd: '/',
    stdio: ['pipe', 'ignore', 'ignore'],
  })
  keeper.unref()
  keeper.stdin.on('error', () => {})
  ;(keeper.stdin as unknown as { unref?(): void }).unref?.()
  const tell = (kind: string, value: number | string | undefined): void => {
    if (value !== undefined) keeper.stdin.write(`${JSON.stringify([kind, value])}\n`)
  }
  return {
    started: (pid) => tell('started', pid),
    ended: (pid) => tell('ended', pid),
    folder: (path) => tell('folder', path),
    close: () => keeper.stdin.end(),
  }
}
