import { defineProject } from 'vitest/config'

export default defineProject({
  resolve: { conditions: ['@evergrant/source'] },
  ssr: { resolve: { conditions: ['@evergrant/source'], externalConditions: ['@evergrant/source'] } },
  test: { name: 'nestjs', include: ['test/**/*.test.ts'] },
})
