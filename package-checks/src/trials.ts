import {
  asCommonJs,
  givenOf,
  ownLines,
  type Replacements,
  readmeExample,
  withoutTopLevelAwait,
} from './readme-example.js'

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

type Language = 'JavaScript' | 'TypeScript'

function example(
  readme: string,
  kind: Trial['kind'],
  language: Language,
  replacements: Replacements,
): Trial['example'] {
  return () => {
    const code = shortExample(readme, replacements)
    const isModule = kind === 'module'
    if (language === 'TypeScript')
      return {
        file: 'example.ts',
        code: givenOf(readme) + (isModule ? code : withoutTopLevelAwait(code)),
      }
    return isModule ? { file: 'example.mjs', code } : { file: 'example.cjs', code: asCommonJs(code) }
  }
}

const compilerOf = (language: Language): Trial['others'] =>
  language === 'TypeScript' ? { typescript: '5.9.3', '@types/node': '20.19.43' } : {}

const core = (kind: Trial['kind'], language: Language): Trial => ({
  name: `core and SQLite, ${language}, ${kind}`,
  kind,
  ours: ['@evergrant/core', '@evergrant/store-sqlite'],
  others: compilerOf(language),
  example: example('README.md', kind, language, {
    'passolution({\n': 'passolution({ authorizationServer: process.env.AS, api: process.env.API,\n',
    "'https://api.passolution.eu": "process.env.API + '",
  }),
  harness: 'run-once.mjs',
})

const axios = (kind: Trial['kind'], language: Language, version: string): Trial => ({
  name: `Axios ${version}, ${language}, ${kind}`,
  kind,
  ours: ['@evergrant/core', '@evergrant/axios-interceptor'],
  others: { axios: version, ...compilerOf(language) },
  example: example('packages/axios-interceptor/README.md', kind, language, {
    ...emulated,
    "'https://api.passolution.eu'": 'process.env.API',
  }),
  harness: 'run-once.mjs',
})

const express = (kind: Trial['kind'], language: Language, version: string): Trial => ({
  name: `Express ${version}, ${language}, ${kind}`,
  kind,
  ours: ['@evergrant/core', '@evergrant/express', '@evergrant/store-sqlite'],
  others: {
    express: version,
    ...compilerOf(language),
    ...(language === 'TypeScript' && { '@types/express': EXPRESS_TYPES[version] ?? '' }),
  },
  example: example('packages/express/README.md', kind, language, {
    ...emulated,
    "'https://api.passolution.eu": "process.env.API + '",
    "'https://app.example.com": "process.env.SITE + '",
    'listen(3000)': 'listen(process.env.PORT)',
    ...(language === 'TypeScript' && { '(req) => userOf': "(req: import('express').Request) => userOf" }),
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
const EXPRESS_TYPES: Readonly<Record<string, string>> = { '4.22.3': '4.17.25', '5.3.0': '5.0.6' }

/** Axios has types for CommonJS since 1.2.0 only. */
const isTyped = ({ name }: Trial): boolean => name !== 'Axios 1.0.0, TypeScript, commonjs'

export function trials(): readonly Trial[] {
  const kinds = ['module', 'commonjs'] as const
  const languages = ['TypeScript', 'JavaScript'] as const
  const all = languages.flatMap((language) =>
    kinds.flatMap((kind) => [
      core(kind, language),
      ...VERSIONS.axios.map((version) => axios(kind, language, version)),
      ...VERSIONS.express.map((version) => express(kind, language, version)),
    ]),
  )
  return [
    ...all.filter(isTyped),
    ...kinds.flatMap((kind) => VERSIONS.nest.map((version) => nest(kind, version))),
  ]
}
