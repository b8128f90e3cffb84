import { readFileSync, readlinkSync } from 'node:fs'

/**
 * Which process this is, so exactly that another one can later say for certain that it has ended. A pid alone
 * says nothing: it is reused, and means another process in another container.
 */
export interface ProcessIdentity {
  /** Random per boot of the kernel. */
  readonly bootId: string
  /** The pid namespace, and the time namespace, which shifts start times. */
  readonly namespaces: string
  readonly pid: number
  /** Clock ticks from boot to the start of the process, as the kernel prints them. */
  readonly startTicks: string
}

interface ProcessStat {
  readonly pid: number
  readonly state: string
  readonly threads: number
  readonly startTicks: string
}

/** `proc(5)`: the name in parentheses may hold anything, also spaces and parentheses. */
function readStat(procRoot: string, pid: number | 'self'): ProcessStat {
  const text = readFileSync(`${procRoot}/${pid}/stat`, 'utf8')
  const afterName = text.slice(text.lastIndexOf(')') + 2).split(' ')
  const [state, threads, startTicks] = [afterName[0], afterName[17], afterName[19]]
  if (!state || !threads || !startTicks) throw new Error('not the stat of a process')
  return { pid: Number.parseInt(text, 10), state, threads: Number(threads), startTicks }
}

function readLink(path: string): string {
  try {
    return readlinkSync(path)
  } catch {
    return '' // An older kernel without this namespace.
  }
}

/**
 * Who this process is, or `undefined` where it cannot be told: another platform than Linux, or a `/proc` that
 * is missing, hidden or another namespace's.
 */
export function readOwnIdentity(procRoot = '/proc'): ProcessIdentity | undefined {
  if (process.platform !== 'linux') return undefined
  try {
    const stat = readStat(procRoot, 'self')
    const bootId = readFileSync(`${procRoot}/sys/kernel/random/boot_id`, 'utf8').trim()
    const pidNamespace = readlinkSync(`${procRoot}/self/ns/pid`)
    if (stat.pid !== process.pid || bootId === '' || pidNamespace === '') return undefined
    const namespaces = `${pidNamespace} ${readLink(`${procRoot}/self/ns/time`)}`
    return { bootId, namespaces, pid: stat.pid, startTicks: stat.startTicks }
  } catch {
    return undefined
  }
}

/**
 * Whether `holder` has ended, for certain, as seen by the process `self`. Any doubt answers `false`: another
 * machine, boot or container, an unreadable `/proc`, a stopped or frozen process.
 */
export function isSurelyDead(
  holder: ProcessIdentity,
  self: ProcessIdentity | undefined,
  procRoot = '/proc',
): boolean {
  if (self === undefined) return false
  if (holder.bootId !== self.bootId || holder.namespaces !== self.namespaces) return false
  if (holder.pid === self.pid) return holder.startTicks !== self.startTicks
  try {
    const stat = readStat(procRoot, holder.pid)
    if (stat.startTicks !== holder.startTicks) return true
    // The main thread of a living process can be a zombie too: then others are left beside it.
    return (stat.state === 'Z' || stat.state === 'X') && stat.threads <= 1
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code
    // With `hidepid` a living process looks missing as well; a signal tells them apart.
    return (code === 'ENOENT' || code === 'ESRCH') && !exists(holder.pid)
  }
}

function exists(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return (error as NodeJS.ErrnoException).code !== 'ESRCH'
  }
}
