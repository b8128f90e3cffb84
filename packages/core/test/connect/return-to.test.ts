import { expect, it } from 'vitest'
import { safeReturnTo } from '../../src/connect/return-to.js'

it.each(['/', '/a/b?c=d#e', '/caf%C3%A9', '/a//b', '/@evil.example', '/?next=https://evil.example'])(
  'goes back to %j',
  (path) => {
    expect(safeReturnTo(path)).toBe(path)
  },
)

it('writes other characters as a header can carry them', () => {
  expect(safeReturnTo('/café ü')).toBe('/caf%C3%A9%20%C3%BC')
})

it.each([
  'https://evil.example/',
  'javascript:alert(1)',
  'evil.example',
  '',
  '//evil.example',
  '///evil.example',
  '/\\evil.example',
  '\\/evil.example',
  '/.//evil.example',
  '/..//evil.example',
  '/a/..//evil.example',
  '/%2e//evil.example',
  '/\t/evil.example',
  '/\r\nSet-Cookie: a=b',
  '/a\u0000',
  ' /a',
  `/${'a'.repeat(1_024)}`,
  `/${'ü'.repeat(500)}`,
  undefined,
  42,
  ['/a'],
])('does not go to %j', (path) => {
  expect(safeReturnTo(path)).toBeUndefined()
})
