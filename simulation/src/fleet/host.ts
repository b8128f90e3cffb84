import type { World } from '../run/world.js'
import { type FleetProcess, startFleetProcess } from './fleet-process.js'
import type { Machine } from './machine.js'

/** A place for a process on a machine: what dies there is started again. */
export interface Host {
  readonly machine: Machine
  readonly current: FleetProcess
  /** Starts a new process if there is none that lives. */
  revive(): void
}

/** How long recovery waits when the store is away. */
const RECOVER_AGAIN_MS = 500

export function createHost(world: World, machine: Machine, name: string): Host {
  let starts = 0
  let current = start()

  function start(): FleetProcess {
    starts += 1
    const started = startFleetProcess(world, starts === 1 ? name : `${name}'${starts}`, machine)
    void recover(started)
    return started
  }

  /** As docs say: once at start, until the store answers. */
  async function recover(started: FleetProcess): Promise<void> {
    const { escrow, process } = started
    for (let isDone = escrow === undefined; !isDone && process.state !== 'dead' && !started.closing; ) {
      try {
        await escrow?.recover()
        isDone = true
      } catch {
        await new Promise<void>((resolve) => process.post(RECOVER_AGAIN_MS, 'recover again', resolve))
      }
    }
  }

  return {
    machine,
    get current() {
      return current
    },
    revive() {
      // A machine that sleeps starts nothing.
      if (current.process.state === 'dead' && !machine.frozen) current = start()
    },
  }
}
