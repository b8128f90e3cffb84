import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { root } from '../src/pages.js'

// That types have their comments too is seen on the tarballs: package-checks/src/declarations.ts.
it('the API reference can be made: functions, classes and constants are described, links in descriptions lead somewhere', () => {
  const program = join(root, 'docs-checks', 'node_modules', 'typedoc', 'bin', 'typedoc')
  const options = ['--options', join(root, 'docs-checks', 'typedoc.json'), '--emit', 'none']
  const { stdout, stderr, status } = spawnSync(process.execPath, [program, ...options], { encoding: 'utf8' })
  expect({ told: `${stdout}${stderr}`, status }).toMatchObject({ status: 0 })
})
