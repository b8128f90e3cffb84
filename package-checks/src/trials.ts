import { asCommonJs, ownLines, type Replacements, readmeExample } from './readme-example.js'

/** An empty project of a stranger, what is installed there, and what is run. */
export interface Trial {
  readonly name: string
  readonly kind: 'module' | 'commonjs'
  /** Packages of ours that the README tells to install, and the others. */
  readonly ours: readonly string[]
  readonly others: Readonly<Record<string, string>>
  /** The example, by file name. */
  readonly example: () => { readonly file: string; readonly code: string }
  /** Of `trials/`, with the example's file as argument; a TypeScript example is compiled before. */
  readonly harness: string
}

/** What an adapter needs of its user's own code, at most. */
const MOST_LINES = 19

const emulated = {
  'passolution({ ': 'passolution({ authorizationServer: process.env.AS, api: process.env.API, ',
}

function shortExample(readme: string, replacements: Replacements): string {
  const code = readmeExample(readme, replacements)
  if (ownLines(code) > MOST_LINES) throw new Error(`${readme}: the example has ${ownLines(code)} lines`)
  return code
}

function example(readme: string, kind: Trial['kind'], replacements: Replacements): Trial['example'] {
  return () => {
    const code = shortExample(readme, replacements)
    return kind === 'module' ? { file: 'example.mjs', code } : { file: 'example.cjs', code: asCommonJs(code) }
  }
}

const core = (kind: Trial['kind']): Trial => ({
  name: `core and SQLite, ${kind}`,
  kind,
  ours: ['@evergrant/core', '@evergrant/store-sqlite'],
  others: {},
  example: example('README.md', kind, {
    'passolution({\n': 'passolution({ authorizationServer: process.env.AS, api: process.env.API,\n',
    "'https://api.passolution.eu": "process.env.API + '",
  }),
  harness: 'run-once.mjs',
})

const axios = (kind: Trial['kind'], version: string): Trial => ({
  name: `Axios ${version}, ${kind}`,
  kind,
  ours: ['@evergrant/core', '@evergrant/axios-interceptor'],
  others: { axios: version },
  example: example('packages/axios-interceptor/README.md', kind, {
    ...emulated,
    "'https://api.passolution.eu'": 'process.env.API',
  }),
  harness: 'run-once.mjs',
})

const express = (kind: Trial['kind'], version: string): Trial => ({
  name: `Express ${version}, ${kind}`,
  kind,
  ours: ['@evergrant/core', '@evergrant/express', '@evergrant/store-sqlite'],
  others: { express: version },
  example: example('packages/express/README.md', kind, {
    ...emulated,
    "'https://api.passolution.eu": "process.env.API + '",
    "'https://app.example.com": "process.env.SITE + '",
    'listen(3000)': 'listen(process.env.PORT)',
  }),
  harness: 'express.mjs',
})

const nest = (kind: Trial['kind'], version: string): Trial => ({
  name: `Nest ${version}, TypeScript, ${kind}`,
  kind,
  ours: ['@evergrant/core', '@evergrant/nestjs'],
  others: {
    '@nestjs/common': version,
    '@nestjs/core': version,
    '@nestjs/platform-express': version,
    'reflect-metadata': '0.2.2',
    rxjs: '7.8.2',
    typescript: '5.9.3',
    '@types/node': '20.19.43',
  },
  example: () => {
    const addresses = {
      'passolution({ ': 'passolution({ authorizationServer: process.env.AS ?? "", api: API, ',
    }
    return { file: 'app.module.ts', code: shortExample('packages/nestjs/README.md', addresses) }
  },
  harness: 'nestjs.mjs',
})

/** The oldest that a package says it works with, and the newest that it is tested with. */
const VERSIONS = { axios: ['1.0.0', '1.21.1'], express: ['4.22.3', '5.3.0'], nest: ['11.2.10', '12.5.1'] }

export function trials(): readonly Trial[] {
  const each = (made: (kind: Trial['kind'], version: string) => Trial, all: readonly string[]): Trial[] =>
    all.flatMap((version) => [made('module', version), made('commonjs', version)])
  return [
    core('module'),
    core('commonjs'),
    ...each(axios, VERSIONS.axios),
    ...each(express, VERSIONS.express),
    ...each(nest, VERSIONS.nest),
  ]
}
