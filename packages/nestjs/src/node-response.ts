import type { ArgumentsHost } from '@nestjs/common'

/** Node's response, of which Express' is one and Fastify's has one. */
export interface NodeResponse {
  readonly writableEnded: boolean
  readonly destroyed: boolean
  once(event: 'close', listener: () => void): unknown
}

/**
 * The response of an HTTP request; `undefined` where there is none: WebSockets, microservices, GraphQL, and handlers of
 * libraries that call whatever they do `http` because that is Nest's default.
 */
export function nodeResponseOf(host: ArgumentsHost): NodeResponse | undefined {
  if (host.getType() !== 'http') return undefined
  const response = host.switchToHttp().getResponse<{ readonly raw?: unknown } | undefined>()
  const node = (response?.raw ?? response) as Partial<NodeResponse> | undefined
  return typeof node?.once === 'function' && 'writableEnded' in node ? (node as NodeResponse) : undefined
}
