import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { runCommand } from './run-command.js'

/** How consumers have TypeScript find modules. (A CommonJS module under `node16` may not require an ESM one.) */
const CONSUMERS = {
  'ESM, node16': { type: 'module', options: { module: 'node16' } },
  'ESM, nodenext': { type: 'module', options: { module: 'nodenext' } },
  'ESM, bundler': { type: 'module', options: { module: 'esnext', moduleResolution: 'bundler' } },
  'CommonJS, node20': { type: 'commonjs', options: { module: 'node20' } },
  'CommonJS, nodenext': { type: 'commonjs', options: { module: 'nodenext' } },
} as const

/**
 * Whoever installs a package sees its types, without errors in declarations and whichever way modules are found.
 * Returns one check for each way.
 */
export function typeChecks(
  folder: string,
  names: readonly string[],
): readonly (readonly [string, () => Promise<void>])[] {
  return Object.entries(CONSUMERS).map(([way, { type, options }]) => [
    `types, ${way}`,
    async () => {
      const place = join(folder, way.replaceAll(/\W+/g, '-'))
      mkdirSync(place, { recursive: true })
      const imports = names.map((name, i) => `import * as p${i} from '${name}'`).join('\n')
      const used = names.map((_name, i) => `p${i}`).join(', ')
      writeFileSync(join(place, 'package.json'), JSON.stringify({ private: true, type }))
      writeFileSync(join(place, 'all.ts'), `${imports}\nexport const all = [${used}]\n`)
      const compilerOptions = {
        ...options,
        target: 'es2022',
        strict: true,
        skipLibCheck: false,
        noEmit: true,
        types: ['node'],
        experimentalDecorators: true,
      }
      writeFileSync(join(place, 'tsconfig.json'), JSON.stringify({ compilerOptions, files: ['all.ts'] }))
      await runCommand(join(folder, 'node_modules/.bin/tsc'), ['-p', place], { cwd: folder })
    },
  ])
}
