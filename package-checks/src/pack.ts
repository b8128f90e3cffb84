import type { PublishedPackage } from './published-packages.js'
import { runCommand } from './run-command.js'

/** Packs as it is published: without `workspace:` and `catalog:`. Returns the tarball. */
export async function pack({ folder }: PublishedPackage, destination: string): Promise<string> {
  const printed = await runCommand('pnpm', ['pack', '--json', '--pack-destination', destination], {
    cwd: folder,
  })
  return (JSON.parse(printed) as { filename: string }).filename
}
