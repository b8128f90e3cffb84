import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, relative } from 'node:path'
import { type Canaries, createCanaries } from './canaries.js'
import { textsOf } from './texts-of.js'

/** Where something secret was found; never the secret itself. */
export interface Find {
  readonly channel: string
  readonly what: string
}

/** One way in which something can go wrong, run to its end, with all that anybody could see of it. */
export interface Kind {
  readonly area: string
  readonly name: string
  run(scene: Scene): Promise<void>
}

export interface Scene {
  readonly canaries: Canaries
  /** Shows a value to the search: an error, a result, an object of ours, a text. */
  see(channel: string, ...values: readonly unknown[]): void
  /** Expects a failure, and shows it. */
  fails(work: Promise<unknown> | (() => unknown)): Promise<unknown>
  /** Shows how it ends, well or not. */
  ends(work: Promise<unknown>): Promise<unknown>
  /** A folder of this scene; what is left in it is searched, but for `onPurpose`. */
  folder(onPurpose?: RegExp): string
  /** Runs at the end, the last first. */
  atEnd(action: () => unknown): void
}

export interface Seen {
  readonly finds: readonly Find[]
  /** Texts that were searched: a scene that saw nothing has shown nothing. */
  readonly texts: number
}

/** Runs one kind, also reading along what the process prints meanwhile, and searches everything. */
export async function runKind(kind: Kind): Promise<Seen> {
  const canaries = createCanaries()
  const seen: (readonly [string, unknown])[] = []
  const folders: { readonly path: string; readonly onPurpose: RegExp | undefined }[] = []
  const endings: (() => unknown)[] = []
  const scene: Scene = {
    canaries,
    see: (channel, ...values) => void seen.push(...values.map((value) => [channel, value] as const)),
    async fails(work) {
      try {
        await (typeof work === 'function' ? work() : work)
      } catch (error) {
        seen.push(['error', error])
        return error
      }
      throw new Error(`'${kind.name}' should have failed`)
    },
    async ends(work) {
      const outcome = await work.catch((error: unknown) => error)
      seen.push(['outcome', outcome])
      return outcome
    },
    folder(onPurpose) {
      const path = mkdtempSync(join(tmpdir(), 'evergrant-secrecy-'))
      folders.push({ path, onPurpose })
      return path
    },
    atEnd: (action) => void endings.push(action),
  }
  const listenNoMore = listen(scene)
  const files: (readonly [string, string])[] = []
  try {
    await kind.run(scene)
  } finally {
    for (const end of endings.reverse()) await end()
    listenNoMore()
    for (const { path, onPurpose } of folders) {
      files.push(...filesIn(path, onPurpose))
      rmSync(path, { recursive: true, force: true })
    }
  }
  const texts: (readonly [string, string])[] = seen.flatMap(([channel, value]) =>
    textsOf(value).map(([how, text]) => [`${channel}: ${how}`, text] as const),
  )
  texts.push(...files)
  const finds = texts.flatMap(([channel, text]) => canaries.findIn(text).map((what) => ({ channel, what })))
  return { finds, texts: texts.length }
}

type Write = typeof process.stdout.write

const ears = { stdout: new Set<Scene>(), stderr: new Set<Scene>() }
for (const name of ['stdout', 'stderr'] as const) {
  const stream = process[name]
  const write = stream.write.bind(stream) as Write
  stream.write = ((chunk: string | Uint8Array, ...rest: never[]) => {
    const text = typeof chunk === 'string' ? chunk : Buffer.from(chunk).toString()
    for (const scene of ears[name]) scene.see(name, text)
    return (write as (...all: unknown[]) => boolean)(chunk, ...rest)
  }) as Write
}

/** Scenes run side by side: each hears what any of them prints. */
function listen(scene: Scene): () => void {
  for (const scenes of Object.values(ears)) scenes.add(scene)
  return () => {
    for (const scenes of Object.values(ears)) scenes.delete(scene)
  }
}

function filesIn(root: string, onPurpose: RegExp | undefined): (readonly [string, string])[] {
  return readdirSync(root, { recursive: true, encoding: 'utf8' })
    .map((name) => join(root, name))
    .filter((path) => statSync(path).isFile() && !onPurpose?.test(relative(root, path)))
    .map((path) => [`file ${relative(root, path)}`, readFileSync(path, 'latin1')] as const)
}
