import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { root } from '../src/pages.js'

it('the API reference can be made: everything exported is described, and every link in a description leads somewhere', () => {
  const program = join(root, 'docs-checks', 'node_modules', 'typedoc', 'bin', 'typedoc')
  const options = ['--options', join(root, 'docs-checks', 'typedoc.json'), '--emit', 'none']
  const { stdout, stderr, status } = spawnSync(process.execPath, [program, ...options], { encoding: 'utf8' })
  expect({ told: `${stdout}${stderr}`, status }).toMatchObject({ status: 0 })
})
