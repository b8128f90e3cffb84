import type { IncomingMessage } from 'node:http'

/** The address of a request; whatever is no path counts as `/`. */
export function requestUrl({ url = '/' }: IncomingMessage): URL {
  return new URL(`http://localhost${url.startsWith('/') ? url : '/'}`)
}
