import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { build } from 'esbuild'

const workerPath = fileURLToPath(new URL('./seed-worker.ts', import.meta.url))

export interface WorkerBundle {
  /** To be forked by a bare Node. */
  readonly path: string
  remove(): void
}

/**
 * The worker and the core it plays as one file: what a loader adds to every function it sees costs a long run a seventh
 * of its time.
 *
 * @param corePath another core than the workspace's: a mutant's
 */
export async function bundleWorker(corePath?: string): Promise<WorkerBundle> {
  const folder = mkdtempSync(join(tmpdir(), 'evergrant-simulation-'))
  const path = join(folder, 'seed-worker.mjs')
  const remove = (): void => rmSync(folder, { recursive: true, force: true })
  try {
    await build({
      entryPoints: [workerPath],
      outfile: path,
      bundle: true,
      platform: 'node',
      format: 'esm',
      target: 'node20',
      conditions: ['@evergrant/source'],
      ...(corePath && { alias: { '@evergrant/core': corePath } }),
      logLevel: 'error',
    })
  } catch (error) {
    remove()
    throw error
  }
  return { path, remove }
}
