import { defineProject } from 'vitest/config'

export default defineProject({
  resolve: { conditions: ['@evergrant/source'] },
  ssr: { resolve: { conditions: ['@evergrant/source'], externalConditions: ['@evergrant/source'] } },
  test: {
    name: 'chaos',
    include: ['test/**/*.test.ts'],
    // Its verdict depends on real milliseconds of a real machine: asked for, not in every run.
    exclude: process.env.CHAOS_QUICK ? [] : ['test/quick.test.ts'],
    testTimeout: 60_000,
  },
})
