import { defineProject } from 'vitest/config'

export default defineProject({
  resolve: { conditions: ['@evergrant/source'] },
  ssr: { resolve: { conditions: ['@evergrant/source'], externalConditions: ['@evergrant/source'] } },
  // A busy machine is slow, not wrong: hundreds of real requests at once take their time there.
  test: { name: 'express', include: ['test/**/*.test.ts'], testTimeout: 30_000, hookTimeout: 30_000 },
})
