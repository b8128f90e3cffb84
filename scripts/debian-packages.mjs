import { spawnSync } from 'node:child_process'
import { existsSync, readdirSync } from 'node:fs'
import { delimiter, join } from 'node:path'

/** Programs that tests start themselves, and the Debian package that brings each. */
const PROGRAMS = [
  { name: 'Redis', package: 'redis-server', has: () => onPath('redis-server') },
  {
    name: 'PostgreSQL',
    package: 'postgresql',
    has: () => onPath('initdb') || debianHas('postgresql', 'initdb'),
  },
  { name: 'Chromium', package: 'chromium', has: () => onPath('chromium') || onPath('google-chrome') },
]

const onPath = (program) =>
  (process.env.PATH ?? '').split(delimiter).some((folder) => existsSync(join(folder, program)))

/** Debian keeps the server programs of each version out of PATH. */
function debianHas(server, program) {
  const folder = `/usr/lib/${server}`
  return (
    existsSync(folder) &&
    readdirSync(folder).some((version) => existsSync(join(folder, version, 'bin', program)))
  )
}

/**
 * On a Debian machine as root, installs the programs that the tests need and that are missing, and says so. Anywhere
 * else nothing is installed: the tests that need one then say how to get it (and fail where CI is set).
 */
export function installMissingPrograms() {
  const missing = PROGRAMS.filter((program) => !program.has())
  if (missing.length === 0 || process.getuid?.() !== 0 || !onPath('apt-get')) return
  const packages = missing.map((program) => program.package)
  console.error(
    `Tests need ${missing.map(({ name }) => name).join(' and ')}: apt-get install ${packages.join(' ')}`,
  )
  // Installed for its programs only: no service of the machine is to be started.
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive', RUNLEVEL: '1' }
  const apt = (...args) =>
    spawnSync('apt-get', args, { env, stdio: ['ignore', 'ignore', 'inherit'] }).status === 0
  const install = () => apt('install', '-y', '--no-install-recommends', ...packages)
  if (!install() && !(apt('update') && install())) {
    console.error('That did not work; the tests that need them will say what they miss.')
  }
}
