import type { RedisCommands } from './redis-commands.js'
import { isUnknownScript, late, timedOut, translateRedisError } from './redis-errors.js'
import type { RedisScript } from './scripts/redis-script.js'

/** The answer of a script: see each script for what stands where. */
export interface ScriptReply {
  readonly status: string
  readonly nowMs: number
  /** What follows. */
  readonly rest: readonly unknown[]
}

/** Runs one script as one step, or rejects with `STORE_UNAVAILABLE` or `STORE_UNUSABLE`. */
export type RunScript = (
  script: RedisScript,
  keys: readonly string[],
  args: readonly string[],
) => Promise<ScriptReply>

/** How long a step may take, by each clock: one of them stands still during a suspend. */
interface Asked {
  readonly wallMs: number
  readonly monotonicMs: number
}

/**
 * Each call ends within `timeoutMs`, also while the client reconnects and would keep it in a queue. Scripts
 * that the server has forgotten (a restart, `SCRIPT FLUSH`) are sent anew.
 *
 * A step that was given up never happens later: it carries the last instant, by the server's clock, at which
 * it may. Otherwise a `save` from a queue could replace a newer authorization, minutes later.
 */
export function createScriptRunner(commands: RedisCommands, timeoutMs: number): RunScript {
  /** The server's clock minus our monotonic one, by its last answer. */
  let offsetMs: number | undefined

  async function send(
    script: RedisScript,
    keys: readonly string[],
    args: readonly string[],
  ): Promise<ScriptReply> {
    let reply: unknown
    try {
      reply = await commands.evalSha(script.sha, keys, args)
    } catch (error) {
      if (!isUnknownScript(error)) throw error
      reply = await commands.eval(script.text, keys, args)
    }
    const [status, nowMs, ...rest] = reply as readonly unknown[]
    offsetMs = Number(nowMs) - performance.now()
    return { status: String(status), nowMs: Number(nowMs), rest }
  }

  const hasTime = (asked: Asked): boolean =>
    Date.now() - asked.wallMs < timeoutMs && performance.now() - asked.monotonicMs < timeoutMs

  async function attempt(
    script: RedisScript,
    keys: readonly string[],
    args: readonly string[],
    asked: Asked,
  ): Promise<ScriptReply> {
    for (let connecting = commands.connecting(); connecting; connecting = commands.connecting()) {
      await connecting
      if (!hasTime(asked)) throw timedOut()
    }
    const deadline = (offset: number | undefined): string =>
      offset === undefined ? '0' : String(Math.ceil(asked.monotonicMs + offset + timeoutMs))
    const reply = await send(script, keys, [deadline(offsetMs), ...args])
    if (reply.status !== 'late') return reply
    // The first call of this process, or one of the clocks was set, or this node's clock differs.
    if (!hasTime(asked)) throw late()
    const again = await send(script, keys, [deadline(reply.nowMs - performance.now()), ...args])
    if (again.status === 'late') throw late()
    return again
  }

  return async (script, keys, args) => {
    const asked = { wallMs: Date.now(), monotonicMs: performance.now() }
    let timer: NodeJS.Timeout | undefined
    const expired = new Promise<never>((_, reject) => {
      timer = setTimeout(() => reject(timedOut()), timeoutMs)
    })
    try {
      const answer = attempt(script, keys, args, asked)
      return await Promise.race([answer, expired])
    } catch (error) {
      throw (error as Error).name === 'EvergrantError' ? error : translateRedisError(error)
    } finally {
      clearTimeout(timer)
    }
  }
}
