import { fileURLToPath } from 'node:url'
import { defineProject } from 'vitest/config'

const nest11 = fileURLToPath(new URL('node_modules/@nestjs', import.meta.url))

export default defineProject({
  resolve: {
    conditions: ['@evergrant/source'],
    alias: [{ find: /^@nestjs\/(.*)$/, replacement: `${nest11}/$1` }],
  },
  ssr: { resolve: { conditions: ['@evergrant/source'], externalConditions: ['@evergrant/source'] } },
  test: {
    name: 'nestjs-11',
    env: { NEST: '11' },
    include: ['../test/*.test.ts'],
    exclude: ['../test/commonjs.test.ts'],
  },
})
