import type { ClientRequest } from 'node:http'

/** Within the time it is looked so often, so that it ends at most a quarter late. */
const LOOKS = 4

export interface IdleWatch {
  readonly idleMs: number
  /** When it is not the API that everything waits for: counts as if something moved. */
  isOurTurn(): boolean
  /** Nothing has moved for so long. At most once. */
  onIdle(): void
}

/**
 * Watches what moves between us and the API. While there is no connection yet, nothing moves, nor on one that does not
 * count its bytes, as those of `node:net` and `node:tls` do: `isOurTurn` must know those.
 *
 * Looks now and then at how far the connection has come: a socket's own timeout starts anew at each piece, and on a kept
 * connection it is not only ours to set.
 *
 * @returns ends the watch
 */
export function watchIdle(call: ClientRequest, { idleMs, isOurTurn, onIdle }: IdleWatch): () => void {
  let seenBytes = 0
  let quietLooks = 0
  const looking = setInterval(
    () => {
      const { bytesRead = 0, bytesWritten = 0 } = call.socket ?? {}
      const bytes = bytesRead + bytesWritten
      quietLooks = bytes === seenBytes && !isOurTurn() ? quietLooks + 1 : 0
      seenBytes = bytes
      if (quietLooks < LOOKS) return
      end()
      onIdle()
    },
    Math.ceil(idleMs / LOOKS),
  )
  const end = (): void => clearInterval(looking)
  return end
}
