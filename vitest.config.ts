import { defineConfig } from 'vitest/config'

export default defineConfig({
  // Workspace packages resolve to their sources: tests need no build.
  resolve: { conditions: ['@evergrant/source'] },
  ssr: { resolve: { conditions: ['@evergrant/source'], externalConditions: ['@evergrant/source'] } },
  test: {
    // Most tests wait for something rather than compute: two at a time also on two cores.
    maxWorkers: 2,
    projects: [
      'packages/*',
      'packages/nestjs/nest-11',
      'apps/*',
      'store-tests',
      'integration',
      'chaos',
      'simulation',
      'secrecy',
      'package-checks',
      'docs-checks',
      'release',
    ],
    coverage: { provider: 'v8', include: ['packages/*/src/**'], reporter: ['text'] },
    reporters: ['default', './scripts/plain-reporter.mjs'],
  },
})
