import { defineProject } from 'vitest/config'

export default defineProject({
  resolve: { conditions: ['@evergrant/source'] },
  ssr: { resolve: { conditions: ['@evergrant/source'], externalConditions: ['@evergrant/source'] } },
  test: { name: 'docs', include: ['test/**/*.test.ts'], testTimeout: 120_000 },
})
