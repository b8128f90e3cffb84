import { expect, test, vi } from 'vitest'
import { runDemo } from './run-demo.js'

test('the fixed scenario keeps every promise and says so in one line of JSON', async () => {
  const startedAtMs = Date.now()
  const demo = runDemo(['--once', '--json'])
  const { code } = await demo.ended
  const tookMs = Date.now() - startedAtMs

  const lines = demo.stdout().trimEnd().split('\n')
  const totals = JSON.parse(lines.at(-1) ?? '')
  expect(Object.keys(totals)).toEqual([
    'processes',
    'calls',
    'failures',
    'rotations',
    'tokenRequests',
    'doubleSpends',
    'familiesRevoked',
    'maxTokenRequestsInAnyMinute',
    'kills',
  ])
  expect(totals, demo.stderr()).toMatchObject({ failures: 0, doubleSpends: 0, familiesRevoked: 0 })
  expect(totals.processes).toBeGreaterThanOrEqual(3)
  expect(totals.calls).toBeGreaterThan(100)
  expect(totals.rotations).toBeGreaterThanOrEqual(3)
  expect(totals.tokenRequests).toBeGreaterThanOrEqual(totals.rotations)
  expect(totals.maxTokenRequestsInAnyMinute).toBeLessThanOrEqual(300)
  expect(totals.kills).toBeGreaterThanOrEqual(1)
  expect(code).toBe(0)
  expect(tookMs).toBeLessThan(30_000)
  expect(lines).toHaveLength(1)
  expect(demo.leftProcesses()).toEqual([])
  expect(demo.leftFiles()).toEqual([])
})

test('Ctrl-C ends the endless show in order and leaves nothing behind', async () => {
  const demo = runDemo()
  await demo.saw(/rotated agency: generation 1 → 2/)
  const askedAtMs = Date.now()
  demo.child.kill('SIGINT')

  expect(await demo.ended, demo.stderr()).toEqual({ code: 0, signal: null })
  expect(Date.now() - askedAtMs).toBeLessThan(5_000)
  expect(demo.stdout()).toContain('Every promise was kept.')
  expect(demo.leftProcesses()).toEqual([])
  expect(demo.leftFiles()).toEqual([])
})

test('when the main process is killed, its workers end and take the files with them', async () => {
  const demo = runDemo()
  await demo.saw(/rotated agency/)
  expect(demo.leftProcesses()).toHaveLength(3)
  demo.child.kill('SIGKILL')

  await vi.waitFor(() => expect(demo.leftProcesses()).toEqual([]), { timeout: 10_000 })
  expect(demo.leftFiles()).toEqual([])
})

test('an unknown argument is told, and nothing is started', async () => {
  const demo = runDemo(['--onse'])
  expect(await demo.ended).toEqual({ code: 2, signal: null })
  expect(demo.stderr()).toContain("Unknown option '--onse'")
  expect(demo.stdout()).toBe('')
})
