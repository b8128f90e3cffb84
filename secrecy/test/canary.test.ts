import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { text } from 'node:stream/consumers'
import { fileURLToPath } from 'node:url'
import { postgresIsThere } from '@evergrant/store-tests/postgres-programs'
import { describe, expect, it } from 'vitest'

const secrecy = fileURLToPath(new URL('..', import.meta.url))

interface Run {
  readonly code: unknown
  readonly output: string
  readonly result: Record<string, unknown>
}

async function runCanaries(...args: readonly string[]): Promise<Run> {
  const flags = ['--conditions=@evergrant/source', '--import=tsx', 'src/canary/main.ts']
  // In this folder, whose tsconfig knows the decorators of Nest.
  const child = spawn(process.execPath, [...flags, ...args], {
    cwd: secrecy,
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const [out, err, [code]] = await Promise.all([text(child.stdout), text(child.stderr), once(child, 'exit')])
  const last = out.trimEnd().split('\n').at(-1) ?? ''
  return { code, output: out + err, result: JSON.parse(last) as Record<string, unknown> }
}

describe('a canary', () => {
  it.runIf(postgresIsThere)('is found nowhere, whatever fails', async () => {
    const { code, output, result } = await runCanaries()
    const table = output.split('\n').filter((line) => / texts {2}/.test(line))
    console.log([...table.sort(), JSON.stringify(result)].join('\n'))
    expect(result).toMatchObject({ finds: 0, failures: 0 })
    expect(result.kinds).toBeGreaterThan(300)
    expect(code).toBe(0)
    // All that the whole run has printed, by what it is made of.
    expect(output).not.toContain('Cn4RyXq7w2Zk')
  })

  it('is found in every deliberate leak: through each channel, in each form', async () => {
    const { code, result } = await runCanaries('--leaks')
    expect(result).toMatchObject({ missed: [], failures: 0 })
    expect(result.leaks).toBeGreaterThan(30)
    expect(code).toBe(0)
  })
})
