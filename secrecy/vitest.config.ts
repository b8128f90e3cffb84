import { defineProject } from 'vitest/config'

export default defineProject({
  resolve: { conditions: ['@evergrant/source'] },
  ssr: { resolve: { conditions: ['@evergrant/source'], externalConditions: ['@evergrant/source'] } },
  test: { name: 'secrecy', include: ['test/**/*.test.ts'], testTimeout: 60_000, hookTimeout: 60_000 },
})
