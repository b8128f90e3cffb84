import type { ClientRequest } from 'node:http'

/** Within the time it is looked so often, so that it ends at most a quarter late. */
const LOOKS = 4

/**
 * Calls `run` when nothing has moved for `idleMs` between us and the API, until the call is closed. While there is no
 * connection yet, nothing moves.
 *
 * Looks now and then at how far the connection has come: a socket's own timeout starts anew at each piece, and on a kept
 * connection it is not only ours to set.
 */
export function watchIdle(call: ClientRequest, idleMs: number, run: () => void): void {
  let seenBytes = 0
  let quietLooks = 0
  const looking = setInterval(
    () => {
      const { bytesRead = 0, bytesWritten = 0 } = call.socket ?? {}
      quietLooks = bytesRead + bytesWritten === seenBytes ? quietLooks + 1 : 0
      seenBytes = bytesRead + bytesWritten
      if (quietLooks >= LOOKS) run()
    },
    Math.ceil(idleMs / LOOKS),
  )
  call.on('close', () => clearInterval(looking))
}
