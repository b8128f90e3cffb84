import { defineProject } from 'vitest/config'

export default defineProject({
  resolve: { conditions: ['@evergrant/source'] },
  ssr: { resolve: { conditions: ['@evergrant/source'], externalConditions: ['@evergrant/source'] } },
  test: {
    name: 'store-postgres',
    include: ['test/**/*.test.ts'],
    globalSetup: ['test/shared-server.ts'],
    isolate: false,
    testTimeout: 30_000,
    hookTimeout: 30_000,
  },
})
