import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { copyFile, mkdir, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { startAuthorizationServer } from '@evergrant/testing'
import { expect, it } from 'vitest'
import { cleanUp } from './world.js'

const run = promisify(execFile)
const here = (path: string) => fileURLToPath(new URL(path, import.meta.url))
const tsc = here('../node_modules/typescript/bin/tsc')

/** Puts a package of ours, as it is published, into an application's folder. */
async function install(name: string, modules: string): Promise<void> {
  const source = here(`../../${name}`)
  const target = join(modules, '@evergrant', name)
  const { publishConfig, ...manifest } = JSON.parse(await readFile(join(source, 'package.json'), 'utf8'))
  await mkdir(target, { recursive: true })
  await writeFile(join(target, 'package.json'), JSON.stringify({ ...manifest, ...publishConfig }))
  await run(process.execPath, [
    tsc,
    '-p',
    join(source, 'tsconfig.build.json'),
    '--outDir',
    join(target, 'dist'),
  ])
}

async function buildApplication(nest: string): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'evergrant-commonjs-'))
  cleanUp(() => rm(folder, { recursive: true }))
  const modules = join(folder, 'node_modules')
  await mkdir(modules)
  const links = {
    '@nestjs': nest,
    '@types': '../../../node_modules/@types',
    'reflect-metadata': '../node_modules/reflect-metadata',
    rxjs: '../node_modules/rxjs',
    jose: '../../core/node_modules/jose',
    oauth4webapi: '../../core/node_modules/oauth4webapi',
  }
  for (const [name, path] of Object.entries(links)) await symlink(here(path), join(modules, name))
  await Promise.all([install('core', modules), install('nestjs', modules)])
  await copyFile(here('commonjs-app/main.cts'), join(folder, 'main.ts'))
  await writeFile(join(folder, 'package.json'), '{ "type": "commonjs" }')
  const compilerOptions = {
    module: 'nodenext',
    target: 'es2022',
    strict: true,
    skipLibCheck: true,
    experimentalDecorators: true,
    emitDecoratorMetadata: true,
    types: ['node'],
  }
  await writeFile(join(folder, 'tsconfig.json'), JSON.stringify({ compilerOptions, files: ['main.ts'] }))
  await run(process.execPath, [tsc, '-p', folder])
  return folder
}

it.each([
  ['12', '../node_modules/@nestjs'],
  ['11', '../nest-11/node_modules/@nestjs'],
])(
  'a CommonJS application on Nest %s compiles, requires the package, and ends well in the middle of a rotation',
  async (_, nest) => {
    const server = await startAuthorizationServer()
    cleanUp(() => server.close())
    const folder = await buildApplication(nest)
    const child = spawn(process.execPath, ['main.js'], {
      cwd: folder,
      env: {
        ...process.env,
        NODE_OPTIONS: '',
        ORIGIN: server.origin,
        CLIENT_ID: server.clientId,
        CLIENT_SECRET: server.clientSecret,
        REPLY: JSON.stringify(server.issueGrant({ sub: 'agency' })),
      },
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    cleanUp(() => child.kill('SIGKILL'))
    const errors: string[] = []
    child.stderr.on('data', (data: Buffer) => errors.push(data.toString()))
    const lines = createInterface(child.stdout)[Symbol.asyncIterator]()
    const exited = once(child, 'exit')
    const { value: url } = await Promise.race([
      lines.next(),
      exited.then(() => Promise.reject(new Error(errors.join('')))),
    ])

    const gate = server.gate({ path: 'token', when: 'after' })
    const answer = fetch(url ?? '', { headers: { connection: 'close' } })
    await gate.arrived()
    child.kill('SIGTERM')
    gate.open()
    expect(await (await answer).json()).toMatchObject({ sub: 'agency', path: '/api/countries' })
    expect((await lines.next()).value).toBe('closed')
    await exited
    expect(errors.join('')).toBe('')
    expect(server.ledger.rotations()).toHaveLength(1)
  },
  120_000,
)
