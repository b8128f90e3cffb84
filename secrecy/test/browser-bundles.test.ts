import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { stripVTControlCharacters } from 'node:util'
import { type BuildFailure, build as esbuild } from 'esbuild'
import { build as viteBuild } from 'vite'
import { afterAll, describe, expect, it } from 'vitest'

/** Inside this workspace: bundlers find core as an application does, by name. */
const folder = mkdtempSync(fileURLToPath(new URL('../bundled-', import.meta.url)))
afterAll(() => rmSync(folder, { recursive: true }))

const sentence =
  'Evergrant is not for browsers: it holds client secrets. Use tokenProxy and connectRoutes on your server'

const sourceOf = (name: string): string =>
  fileURLToPath(new URL(`../../packages/${name}/src/index.ts`, import.meta.url))

/** How front-end code could come to have it; by the last two only by way of core, on which all packages stand. */
const programs: Readonly<Record<string, string>> = {
  'a named import': "import { passolution } from '@evergrant/core'\nconsole.log(passolution)",
  'a namespace': "import * as evergrant from '@evergrant/core'\nconsole.log(evergrant)",
  'a bare import': "import '@evergrant/core'",
  'a dynamic import': "import('@evergrant/core').then(console.log)",
  'the Axios adapter': `import { attachTokens } from '${sourceOf('axios-interceptor')}'\nconsole.log(attachTokens)`,
  'the connect routes': `import { connectRoutes } from '${sourceOf('express')}'\nconsole.log(connectRoutes)`,
}

function written(program: string): string {
  const path = join(folder, `${crypto.randomUUID()}.js`)
  writeFileSync(path, program)
  return path
}

async function bundleWithEsbuild(
  program: string,
  options: { platform?: 'browser' | 'node'; conditions?: string[] } = {},
): Promise<string> {
  try {
    const common = { bundle: true, write: false, format: 'esm', logLevel: 'silent' } as const
    await esbuild({ ...common, platform: 'browser', ...options, entryPoints: [written(program)] })
    return 'built'
  } catch (error) {
    return (error as BuildFailure).errors
      .map(({ text, location }) => `${text}\n${location?.lineText}`)
      .join('\n')
  }
}

async function bundleWithVite(program: string, ssr = false): Promise<string> {
  const input = written(program)
  try {
    const build = { write: false, ssr, rollupOptions: { input } }
    await viteBuild({
      root: folder,
      configFile: false,
      logLevel: 'silent',
      build,
      ssr: { noExternal: true },
    })
    return 'built'
  } catch (error) {
    return stripVTControlCharacters((error as Error).message)
  }
}

describe('bundling for a browser stops, and says why and what to use instead:', () => {
  it.each(Object.entries(programs))('esbuild, %s', async (_, program) => {
    expect(await bundleWithEsbuild(program)).toContain(sentence)
  })

  it.each(Object.entries(programs))('Vite, %s', async (_, program) => {
    expect(await bundleWithVite(program)).toContain(sentence)
  })
})

describe('bundling for a server works:', () => {
  // What is published, with one line in place of the build, which tests do not need.
  const core = join(folder, 'node_modules/@evergrant/core')
  const own = fileURLToPath(new URL('../../packages/core/', import.meta.url))
  const { publishConfig, ...manifest } = JSON.parse(readFileSync(join(own, 'package.json'), 'utf8'))
  mkdirSync(join(core, 'dist'), { recursive: true })
  cpSync(join(own, 'not-for-browsers.js'), join(core, 'not-for-browsers.js'))
  writeFileSync(join(core, 'package.json'), JSON.stringify({ ...manifest, ...publishConfig }))
  writeFileSync(join(core, 'dist/index.js'), 'export const passolution = 1')
  const program = programs['a named import'] ?? ''

  it('but not for a browser', async () => {
    expect(await bundleWithEsbuild(program)).toContain(sentence)
  })

  it('esbuild for Node', async () => {
    expect(await bundleWithEsbuild(program, { platform: 'node' })).toBe('built')
  })

  it.each(['workerd', 'edge-light'])(
    'esbuild for %s, which also asks for the condition browser',
    async (condition) => {
      expect(await bundleWithEsbuild(program, { conditions: [condition, 'browser'] })).toBe('built')
    },
  )

  it('Vite for server-side rendering', async () => {
    expect(await bundleWithVite(program, true)).toBe('built')
  })
})
