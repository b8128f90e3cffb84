import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'
import { serverIsThere, useDatabase } from './database.js'

describe.skipIf(!serverIsThere)('README', () => {
  const { connection } = useDatabase('empty')

  it('has an example that runs', () => {
    const program = fileURLToPath(new URL('./readme-example.ts', import.meta.url))
    const readme = readFileSync(new URL('../README.md', import.meta.url), 'utf8')
    expect(readme).toContain(`\`\`\`ts\n${readFileSync(program, 'utf8')}\`\`\``)

    const { host, port, user, database } = connection
    const server = { PGHOST: host, PGPORT: String(port), PGUSER: user, PGDATABASE: database }
    const fromSource = ['--conditions=@evergrant/source', '--import=tsx', program]
    const cwd = fileURLToPath(new URL('..', import.meta.url))
    const env = { ...process.env, ...server }
    const printed = execFileSync(process.execPath, fromSource, { cwd, env, encoding: 'utf8' })
    expect(printed).toMatch(/^\[AccessToken gen 1, expires .*\]\n$/)
  })
})
