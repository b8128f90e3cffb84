import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { runCommand } from './run-command.js'

/** Another Node from the package registry, asked for its version before it is used. Returns the program. */
export async function fetchNode(major: string, folder: string): Promise<string> {
  const name = `node-${process.platform}-${process.arch}`
  mkdirSync(folder, { recursive: true })
  writeFileSync(join(folder, 'package.json'), '{"private":true}')
  await runCommand('npm', ['install', '--no-audit', '--no-fund', '--prefer-offline', `${name}@${major}`], {
    cwd: folder,
  })
  const program = join(folder, 'node_modules', name, 'bin', 'node')
  const version = (await runCommand(program, ['-p', 'process.version'], { cwd: folder })).trim()
  if (!version.startsWith(`v${major}.`)) throw new Error(`asked for Node ${major}, got ${version}`)
  return program
}
