import { defineProject } from 'vitest/config'

export default defineProject({
  resolve: { conditions: ['@evergrant/source'] },
  ssr: { resolve: { conditions: ['@evergrant/source'], externalConditions: ['@evergrant/source'] } },
  test: {
    name: 'store-redis',
    include: ['test/**/*.test.ts'],
    testTimeout: 30_000,
    hookTimeout: 30_000,
    // Half of the time would go into loading the clients anew for each file.
    isolate: false,
    // Contract cases mostly wait for the server's clock.
    maxConcurrency: 8,
  },
})
