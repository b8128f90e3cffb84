import { existsSync, readdirSync } from 'node:fs'
import { join } from 'node:path'

const homebrew = '/opt/homebrew/opt'

/** The newest version first. */
function versions(root: string): string[] {
  if (!existsSync(root)) return []
  return readdirSync(root)
    .sort((a, b) => Number(/\d+/.exec(b)?.[0] ?? 0) - Number(/\d+/.exec(a)?.[0] ?? 0))
    .map((name) => join(root, name, 'bin'))
}

function folders(): string[] {
  const named = process.env.POSTGRES_BIN === undefined ? [] : [process.env.POSTGRES_BIN]
  const brewed = versions(homebrew).filter((folder) => folder.includes('postgresql'))
  const onPath = (process.env.PATH ?? '').split(':')
  return [...named, ...versions('/usr/lib/postgresql'), ...onPath, ...brewed, '/usr/local/pgsql/bin']
}

/** Where `initdb` and `postgres` are: `$POSTGRES_BIN`, Debian's folder, PATH, Homebrew. `undefined`: nowhere. */
export const postgresPrograms: string | undefined = folders().find((folder) =>
  ['initdb', 'postgres'].every((name) => existsSync(join(folder, name))),
)

export const noPostgres =
  'no PostgreSQL server found. Install it (Debian: apt-get install -y postgresql) or set POSTGRES_BIN to the folder of initdb.'

/**
 * Whether there is a PostgreSQL to test with. With CI set a missing one is an error, so that nobody takes
 * skipped tests for passed ones; otherwise the tests of the store say loudly what is skipped.
 */
export const postgresIsThere: boolean = ((): boolean => {
  if (postgresPrograms !== undefined) return true
  if (process.env.CI) throw new Error(noPostgres)
  return false
})()
