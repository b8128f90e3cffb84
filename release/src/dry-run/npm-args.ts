import { writeFileSync } from 'node:fs'
import { join } from 'node:path'

/**
 * Arguments that lead every call of npm to `registry` and nowhere else, whatever the machine's configuration or a
 * package's `publishConfig` says: what stands on the command line comes before both. A machine's own credentials stay
 * unread. There is no provenance outside of a hosted CI.
 */
export function npmArgsFor(registry: URL, folder: string): readonly string[] {
  const userconfig = join(folder, 'npmrc')
  writeFileSync(userconfig, `//${registry.host}/:_authToken=throw-away\n`)
  return [
    `--userconfig=${userconfig}`,
    `--registry=${registry.href}`,
    `--@evergrant:registry=${registry.href}`,
    `--cache=${join(folder, 'npm-cache')}`,
    '--provenance=false',
    '--loglevel=error',
    '--fetch-retries=0',
  ]
}
