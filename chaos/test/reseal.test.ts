import { spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { expect, it } from 'vitest'

const root = fileURLToPath(new URL('../..', import.meta.url))

/** Runs it as `npm run chaos:reseal` does. */
function reseal(...args: string[]) {
  const program = ['--conditions=@evergrant/source', '--import=tsx', 'chaos/src/reseal/main.ts']
  return spawnSync(process.execPath, [...program, ...args], { cwd: root, encoding: 'utf8' })
}

it('a key is changed under four processes that rotate: no grant is lost, and the old key can go', () => {
  const { status, stdout, stderr } = reseal('--store', 'sqlite', '--grants', '400', '--json')
  const result = JSON.parse(stdout.trimEnd().split('\n').at(-1) ?? '{}')
  expect({ status, stderr, result }).toMatchObject({
    status: 0,
    result: {
      grants: 400,
      processes: 4,
      interruptions: 1,
      doubleSpends: 0,
      grantsLost: 0,
      unreadable: 0,
      retirableBefore: false,
      retirableAfter: true,
    },
  })
  expect(result.resealed).toBeGreaterThan(0)
  expect(result.rotations).toBeGreaterThan(0)
})

it.each([
  ['--store', 'oracle'],
  ['--grants', '0'],
  ['--speed', '9'],
])('%s %s is refused with 2', (...args) => {
  const { status, stdout, stderr } = reseal(...args)
  expect({ status, stdout }).toEqual({ status: 2, stdout: '' })
  expect(stderr).toContain(args[0])
})
