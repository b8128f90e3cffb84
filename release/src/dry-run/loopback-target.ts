import { BlockList, isIP } from 'node:net'

const loopback = new BlockList()
loopback.addSubnet('127.0.0.0', 8, 'ipv4')
loopback.addAddress('::1', 'ipv6')

/**
 * Where a dry run may publish to: an address of this very machine, written as one. A name could lead anywhere.
 * @throws TypeError when it is anything else
 */
export function loopbackTarget(text: string): URL {
  const url = URL.canParse(text) ? new URL(text) : undefined
  const host = url?.hostname.replace(/^\[(.*)\]$/, '$1') ?? ''
  const family = isIP(host) === 6 ? 'ipv6' : 'ipv4'
  if (url?.protocol !== 'http:' || isIP(host) === 0 || !loopback.check(host, family)) {
    throw new TypeError(
      `--registry: a dry run publishes to http://127.0.0.0/8 or http://[::1] only, not to ${url?.host ?? 'this'}`,
    )
  }
  return url
}
