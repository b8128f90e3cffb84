import { spawn } from 'node:child_process'

/** Resolves with what the command printed. @throws Error with its output when it fails or takes longer than allowed */
export function runCommand(
  command: string,
  args: readonly string[],
  { cwd, env, timeoutMs = 240_000 }: { cwd: string; env?: NodeJS.ProcessEnv; timeoutMs?: number },
): Promise<string> {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, {
      cwd,
      env: env ?? process.env,
      timeout: timeoutMs,
      killSignal: 'SIGKILL',
    })
    // A command does not outlive who asked for it.
    const kill = (): void => void child.kill('SIGKILL')
    process.once('exit', kill)
    let output = ''
    child.stdout.on('data', (chunk) => (output += String(chunk)))
    child.stderr.on('data', (chunk) => (output += String(chunk)))
    child.once('error', reject)
    child.once('close', (code, signal) => {
      process.off('exit', kill)
      if (code === 0) resolve(output)
      else
        reject(
          new Error(`${command} ${args.join(' ')}: ended with ${signal ?? code}\n${output.slice(-4_000)}`),
        )
    })
  })
}
