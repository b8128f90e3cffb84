import { execFile } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { describeWithRedis } from '@evergrant/store-tests/describe-with-redis'
import { startRedis } from '@evergrant/store-tests/redis-server'
import { expect, it } from 'vitest'

describeWithRedis('the README', () => {
  it('shows an example that runs', async () => {
    const program = fileURLToPath(new URL('./readme-example.ts', import.meta.url))
    const readme = readFileSync(new URL('../README.md', import.meta.url), 'utf8')
    expect(readme).toContain(`\`\`\`ts\n${readFileSync(program, 'utf8')}\`\`\``)

    const { url } = await startRedis()
    const args = ['--conditions=@evergrant/source', `--import=${import.meta.resolve('tsx')}`, program]
    const { stdout, stderr } = await promisify(execFile)(process.execPath, args, {
      env: { ...process.env, REDIS_URL: url },
    })
    expect(stderr).toBe('')
    expect(stdout).toMatch(/^\[AccessToken gen 1, expires .*\]\n$/)
  })
})
