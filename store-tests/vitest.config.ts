import { defineProject } from 'vitest/config'

export default defineProject({
  resolve: { conditions: ['@evergrant/source'] },
  ssr: { resolve: { conditions: ['@evergrant/source'], externalConditions: ['@evergrant/source'] } },
  test: { name: 'store-tests', include: ['test/**/*.test.ts'], testTimeout: 30_000, hookTimeout: 30_000 },
})
