import { type Agent, Agent as HttpAgent } from 'node:http'
import { Agent as HttpsAgent } from 'node:https'
import type { Socket } from 'node:net'

/** Most servers keep a connection that nobody uses for 5 seconds or longer; those that say how long are believed. */
const MOST_FREE_MS = 4_000

/**
 * Keeps connections to the API alive, and closes those that nobody uses before the API does: what is sent on a
 * connection that the API closes at that moment is lost.
 *
 * Node's own `timeout` of an agent would do that too, but it also counts while a request waits for its answer, then
 * with what the API said about connections that nobody uses: a slow answer would end after a few seconds. And setting
 * it up at each request costs as much as all of our headers.
 */
export function ownAgent(secure: boolean): Agent {
  const agent = new (secure ? HttpsAgent : HttpAgent)({ keepAlive: true })
  const withTimeout = Object.create(agent, { options: { value: { timeout: MOST_FREE_MS } } })
  const { keepSocketAlive, reuseSocket } = agent
  agent.keepSocketAlive = (socket) => keepSocketAlive.call(withTimeout, socket)
  agent.reuseSocket = (socket, request) => {
    ;(socket as Socket).setTimeout(0)
    reuseSocket.call(agent, socket, request)
  }
  return agent
}
