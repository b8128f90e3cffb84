import { type Agent, Agent as HttpAgent } from 'node:http'
import { Agent as HttpsAgent } from 'node:https'
import { ApiUnreachable } from './api-unreachable.js'

/**
 * Keeps connections to the API alive, and ends those on which nothing moves for `idleTimeoutMs`: whoever waits for an
 * answer there gets `timeout`. Set up once a connection, for setting it up at each request costs as much as all of
 * our headers.
 */
export function ownAgent(secure: boolean, idleTimeoutMs: number): Agent {
  const agent = new (secure ? HttpsAgent : HttpAgent)({ keepAlive: true, timeout: idleTimeoutMs })
  const connect = agent.createConnection.bind(agent)
  agent.createConnection = (...options) => {
    const socket = connect(...options)
    socket?.on('timeout', () => socket.destroy(new ApiUnreachable('timeout')))
    return socket
  }
  return agent
}
