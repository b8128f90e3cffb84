import { expect, test } from 'vitest'
import { paint } from '../src/paint.js'
import { panel, type View } from '../src/panel.js'

const view: View = {
  origin: 'http://127.0.0.1:45861',
  path: '/tmp/evergrant-demo-c0blEB/tokens.db',
  elapsedMs: 754_000,
  workers: [
    { number: 12, pid: 4_194_303, calls: 1_234_567, failures: 0, generation: 107, state: 'killed' },
    { number: 13, pid: 4_194_304, calls: 2_345, failures: 1, generation: 108, state: 'rotating' },
    { number: 14, pid: 42, calls: 0, failures: 0, generation: 0, state: 'starting' },
  ],
  totals: {
    processes: 14,
    calls: 1_236_912,
    failures: 1,
    rotations: 107,
    tokenRequests: 107,
    doubleSpends: 0,
    familiesRevoked: 0,
    maxTokenRequestsInAnyMinute: 12,
    kills: 11,
  },
  requestsInLastMinute: 7,
  generation: 108,
  generationAgeMs: 12_345,
  log: [
    {
      afterMs: 753_000,
      text: 'worker 13 rotated agency: generation 107 → 108; 3 processes go on with it',
      isTrouble: false,
    },
  ],
  ending: false,
}
const lines = (color: boolean, rows = 24): string[] =>
  panel(view, rows).map((line) => paint(line, { columns: 80, color }))

test('shows workers, totals and log within 80 columns', () => {
  const text = lines(false)
  expect(text.filter((line) => line.length > 79)).toEqual([])
  expect(text.join('\n')).toMatch(/13\s+4194304\s+2,345\s+rotating\s+108/)
  expect(text.join('\n')).toContain('budget, last minute 7/300')
  expect(text.join('\n')).toContain(view.log[0]?.text)
})

test('is as high with many workers and lines as with few, and fits a small terminal', () => {
  const busy: View = { ...view, log: Array.from({ length: 50 }, () => view.log[0]!) }
  expect(panel(busy, 24)).toHaveLength(panel(view, 24).length)
  expect(panel(view, 20).length).toBeLessThan(20)
  expect(panel(view, 24).length).toBeLessThan(24)
})

test('has no escape sequence without colour, and cuts by what is seen with it', () => {
  expect(lines(false).join('')).not.toContain('\x1b')
  const plain = paint([{ text: 'abcdef', style: 'red' }, 'ghi'], { columns: 4, color: true })
  expect(plain).toBe('\x1b[31mabcd\x1b[0m')
})
