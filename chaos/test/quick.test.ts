import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, it, onTestFinished } from 'vitest'

const root = fileURLToPath(new URL('../..', import.meta.url))

/** Runs it as `npm run chaos` does, with a temp folder of its own. */
async function chaos(...args: string[]) {
  const folder = mkdtempSync(join(tmpdir(), 'chaos-test-'))
  const child = spawn(
    process.execPath,
    ['--conditions=@evergrant/source', '--import=tsx', 'chaos/src/main.ts', ...args],
    { cwd: root, env: { ...process.env, TMPDIR: folder }, stdio: ['ignore', 'pipe', 'pipe'] },
  )
  onTestFinished(() => {
    child.kill('SIGKILL')
    rmSync(folder, { recursive: true, force: true, maxRetries: 3 })
  })
  const text = { stdout: '', stderr: '' }
  for (const name of ['stdout', 'stderr'] as const) {
    child[name].setEncoding('utf8').on('data', (chunk: string) => {
      text[name] += chunk
    })
  }
  const [code] = (await once(child, 'close')) as [number | null]
  const left = readdirSync(folder).filter((name) => name.startsWith('evergrant-'))
  return { code, left, ...text }
}

it('keeps every promise for fifteen rounds on SQLite, and leaves nothing behind', async () => {
  const { code, left, stdout, stderr } = await chaos('--store', 'sqlite', '--rounds', '15', '--json')
  const results = JSON.parse(stdout.trimEnd().split('\n').at(-1) ?? '')
  expect({ code, stderr, results }).toMatchObject({
    code: 0,
    results: { store: 'sqlite', rounds: 15, doubleSpends: 0, overBudget: 0, crashes: 0 },
  })
  expect(results.grantsLost).toBe(results.unavoidableLosses)
  expect(results.rotations).toBeGreaterThan(15)
  expect(results.kills).toBeGreaterThan(0)
  for (const name of ['freezes', 'storeRestarts', 'replays', 'recoveryMs']) {
    expect(results[name]).toBeTypeOf('number')
  }
  expect(left).toEqual([])
})

it.each([
  ['--store', 'oracle'],
  ['--rounds', '0'],
  ['--rounds', '1.5'],
  ['--seed', ''],
  ['--speed', '9'],
])('%s %s is refused with 2', async (...args) => {
  const { code, stdout, stderr } = await chaos(...args)
  expect({ code, stdout }).toEqual({ code: 2, stdout: '' })
  expect(stderr).toContain(args[0])
})

it('--help says what there is', async () => {
  const { code, stdout } = await chaos('--help')
  expect(code).toBe(0)
  for (const word of ['--store', '--rounds', '--seed', '--json', 'Exit code']) expect(stdout).toContain(word)
})
