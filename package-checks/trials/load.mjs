import { createRequire } from 'node:module'
import { pathToFileURL } from 'node:url'

/** Runs an example to its end. What cannot await at its top exports when it is done. */
export async function runExample(file, kind) {
  if (kind === 'module') return void (await import(pathToFileURL(file).href))
  const exported = createRequire(import.meta.url)(file)
  await (exported.done ?? exported)
}
