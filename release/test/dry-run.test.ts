import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { root } from '@evergrant/package-checks/published-packages'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { loopbackTarget } from '../src/dry-run/loopback-target.js'
import { startRegistry } from '../src/dry-run/throw-away-registry.js'

let folder: string
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'evergrant-dry-run-test-'))
})
afterEach(() => rmSync(folder, { recursive: true, force: true }))

/** The program, with a temporary folder of its own to see what it leaves there. */
function start(...args: readonly string[]) {
  const main = fileURLToPath(new URL('../src/dry-run/main.ts', import.meta.url))
  const child = spawn(process.execPath, ['--import=tsx', main, ...args], {
    cwd: root,
    env: { ...process.env, TMPDIR: folder },
  })
  const said = { stdout: '', stderr: '' }
  child.stdout.on('data', (chunk) => (said.stdout += String(chunk)))
  child.stderr.on('data', (chunk) => (said.stderr += String(chunk)))
  const ended = once(child, 'close').then(([code]) => ({ ...said, code: code as number | null }))
  return { child, said, ended }
}

const leftBehind = (): readonly string[] =>
  readdirSync(folder).filter((name) => name.startsWith('evergrant-'))

async function unusedAddress(): Promise<string> {
  const probe = createServer().listen(0, '127.0.0.1')
  await once(probe, 'listening')
  const { port } = probe.address() as { port: number }
  await new Promise((resolve) => probe.close(resolve))
  return `http://127.0.0.1:${port}`
}

describe('a dry run publishes to this machine only', () => {
  it.for(['http://127.0.0.1:4873', 'http://127.8.9.10:1/', 'http://[::1]:4873'])('accepts %s', (target) => {
    expect(loopbackTarget(target).href).toContain(target)
  })

  it.for([
    'http://registry.example',
    'http://127.0.0.1.example',
    'http://127.0.0.1@registry.example',
    'http://localhost:4873',
    'http://10.0.0.1:4873',
    'http://[::ffff:10.0.0.1]',
    'https://127.0.0.1:4873',
    '127.0.0.1:4873',
    '',
  ])('refuses %s', (target) => {
    expect(() => loopbackTarget(target)).toThrow(/^--registry: a dry run publishes to http:\/\/127/)
  })

  it('refuses to start with another target, and does nothing', async () => {
    const { code, stderr } = await start('--registry', 'http://registry.example', '--json').ended
    expect({ code, leftBehind: leftBehind() }).toEqual({ code: 2, leftBehind: [] })
    expect(stderr).toMatch(/not to registry\.example/)
    expect(stderr).not.toMatch(/versions are made/)
  })
})

describe('a dry run leaves nothing behind', () => {
  it('when a step fails: says which, in its last line too', async () => {
    const { code, stdout } = await start('--registry', await unusedAddress(), '--json').ended
    const { failure, published } = JSON.parse(stdout.trim().split('\n').at(-1)!) as Record<string, unknown>
    expect({ code, published, leftBehind: leftBehind() }).toEqual({ code: 1, published: [], leftBehind: [] })
    expect(failure).toMatch(/^packages are published in order: .*ECONNREFUSED/s)
  })

  it('when it is ended in the middle: the registry ends with it', async () => {
    const run = start()
    await new Promise<void>((resolve, reject) => {
      run.child.stderr.on('data', () => run.said.stderr.includes('versions are made') && resolve())
      run.child.once('close', () => reject(new Error(run.said.stderr)))
    })
    const [, url] = / at (http:\S+)/.exec(run.said.stderr)!
    expect((await fetch(`${url}/-/ping`)).status).toBe(200)
    run.child.kill('SIGTERM')
    expect((await run.ended).code).toBe(1)
    await expect
      .poll(() =>
        fetch(`${url}/-/ping`).then(
          () => 'answers',
          () => 'gone',
        ),
      )
      .toBe('gone')
    expect(leftBehind()).toEqual([])
  })

  it('when its registry does not come up in time', async () => {
    await expect(startRegistry(folder, 0)).rejects.toThrow('the throw-away registry did not start')
  })
})
