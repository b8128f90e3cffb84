import { readFile } from 'node:fs/promises'
import * as testing from '@evergrant/testing'
import { expect, test } from 'vitest'

const readme = await readFile(new URL('../README.md', import.meta.url), 'utf8')

test('the example of the README runs as it stands', async () => {
  const example = /```ts\n([\s\S]*?)```/.exec(readme)?.[1] ?? ''
  expect(example).toContain('startAuthorizationServer')
  const body = example
    .replace(/^import (\w+) from '(.+)'$/gm, "const { default: $1 } = await load('$2')")
    .replace(/^import (\{.+\}) from '(.+)'$/gm, "const $1 = await load('$2')")
  const load = (name: string): unknown => (name === '@evergrant/testing' ? testing : import(name))
  const AsyncFunction = (async () => {}).constructor as new (
    ...code: string[]
  ) => (loader: typeof load) => Promise<void>
  await new AsyncFunction('load', body)(load)
})

test('the README names every preset, every knob and its default', () => {
  const { passolution } = testing.serverPresets
  for (const name of [...Object.keys(testing.serverPresets), ...Object.keys(passolution)]) {
    expect(readme).toContain(`\`${name}\``)
  }
  const values = [passolution.reuse, passolution.graceReply, passolution.oldAccessToken, passolution.refusal]
  for (const value of [...values, passolution.expiresIn]) expect(readme).toContain(`\`${value}\``)
})
