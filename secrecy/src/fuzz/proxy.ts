import type { TokenManager } from '@evergrant/core'
import fc from 'fast-check'
import { cacheControlOut, headersIn, headersOut } from '../../../packages/express/src/proxy/headers.js'
import { createTarget } from '../../../packages/express/src/proxy/target.js'
import { claim, headerText, type Target, textOf } from './target.js'

const tokens = { isApiUrl: () => true } as unknown as TokenManager
const target = createTarget('https://api.example/v1/base', tokens, false)

const path = textOf(
  '/',
  '//',
  '.',
  '..',
  '%2e',
  '%2f',
  '%5c',
  '%252e',
  '%25',
  ';',
  '\\',
  '\u002e',
  '%c0%ae',
  '%ef%bc%8e',
  '?',
  '#',
  '@',
  ':',
  'x',
  '..;',
  '%00',
  '%u002e',
  'https://evil.example',
).map((rest) => `/${rest}`)

/** Every way in which a server behind us could read the path once more. */
function readings(pathname: string): readonly string[] {
  const all = [pathname]
  for (let layer = 0; layer < 4; layer++) {
    const last = all.at(-1) ?? ''
    const next = last.replaceAll(/%([0-9a-f]{2})/gi, (_, hex: string) =>
      String.fromCharCode(Number.parseInt(hex, 16)),
    )
    if (next === last) break
    all.push(next)
  }
  return all
}

export const proxyPaths: Target = {
  name: 'proxy paths',
  property: fc.property(path, (url) => {
    const out = target.pathFor({ url, originalUrl: `/mount${url}`, baseUrl: '/mount' })
    if (out === undefined) return
    claim(/^[!-~]+$/.test(out), 'a path breaks the request line')
    const { origin, pathname } = new URL(out, 'https://api.example')
    claim(origin === 'https://api.example', 'another host is asked')
    claim(pathname === '/v1/base' || pathname.startsWith('/v1/base/'), 'the path leaves the target')
    for (const reading of readings(out.split('?')[0] ?? '')) {
      claim(!/(^|[/\\])\.\.?([/\\;]|$)/.test(reading), 'a server could read a step upwards')
      claim(!/[\0\r\n]/.test(reading), 'a server could read a control character')
    }
    const back = target.locationFor(out, '/v1/base/x', '/mount')
    claim(back === undefined || /^\/mount(\/|$|\?|#)/.test(back), 'a location leaves the mount path')
  }),
}

export const proxyLocations: Target = {
  name: 'proxy locations',
  property: fc.property(
    textOf(
      'https://api.example',
      'https://api.example/v1/base',
      '//',
      '/',
      '..',
      '\\',
      '@',
      'evil.example',
      '/v1/base/',
      '?',
      '#',
      '%2f',
      'javascript:',
      '\t',
    ).map(headerText),
    (location) => {
      const out = target.locationFor(location, '/v1/base/x', '/mount')
      if (out === undefined) return
      const { origin, pathname } = new URL(out, 'https://app.example')
      claim(origin === 'https://app.example', 'a location leads to another site')
      claim(pathname === '/mount' || pathname.startsWith('/mount/'), 'a location leaves the mount path')
    },
  ),
}

const TOKEN = 'Cn4RyXq7w2Zk+/=token'
const names = [
  'Cookie',
  'Authorization',
  'X-Forwarded-For',
  'x_forwarded_for',
  'Connection',
  'Host',
  'Transfer-Encoding',
  'Set-Cookie',
  'Location',
  'X-Echo',
  'Content-Type',
  'Keep-Alive',
  'Proxy-Authorization',
  'Sec-Fetch-Site',
  'Access-Control-Allow-Origin',
  'Clear-Site-Data',
  'Strict-Transport-Security',
  'Content-Length',
  'Content-Security-Policy',
  'Service-Worker-Allowed',
  'Accept',
  'Cache-Control',
  'X-Accel-Redirect',
]
const headers = fc.array(
  fc.tuple(
    fc
      .oneof(
        { weight: 8, arbitrary: fc.constantFrom(...names) },
        fc.stringMatching(/^[\w!#$%&'*+.^`|~-]{1,12}$/),
      )
      .chain((name) => fc.constantFrom(name, name.toLowerCase(), name.toUpperCase())),
    textOf(
      TOKEN,
      encodeURIComponent(TOKEN),
      'close',
      'accept',
      'x-echo',
      ', ',
      'public',
      'no-store',
      's-maxage=9',
      'max-age=1',
    ).map(headerText),
  ),
  { maxLength: 10 },
)
const neverIn =
  /^(cookie2?|authorization|host|transfer-encoding|connection|keep-alive|upgrade|te|trailer|content-length|origin|referer|forwarded|x-forwarded.*|proxy-.*|sec-.*)$/
const neverOut =
  /^(set-cookie2?|authorization|transfer-encoding|connection|keep-alive|clear-site-data|strict-transport-security|service-worker-allowed|content-security-policy|access-control-.*|cross-origin-.*|x-accel-.*|location|www-authenticate)$/

export const proxyHeaders: Target = {
  name: 'proxy headers',
  property: fc.property(headers, (pairs) => {
    const raw = pairs.flat()
    const kept = headersIn(raw, 'api.example')
    claim(kept[0] === 'Host' && kept[1] === 'api.example', 'another host is named')
    for (let i = 2; i < kept.length; i += 2)
      claim(!neverIn.test(kept[i]?.toLowerCase() ?? '') && !kept[i]?.includes('_'), `the API gets ${kept[i]}`)
    const out = headersOut(raw, TOKEN)
    for (let i = 0; i < out.kept.length; i += 2)
      claim(!neverOut.test(out.kept[i]?.toLowerCase() ?? ''), `the browser gets ${out.kept[i]}`)
    const text = out.kept.join('\n')
    claim(!text.includes(TOKEN) && !text.includes(encodeURIComponent(TOKEN)), 'a header quotes the token')
    const caching = cacheControlOut(out.cacheControl)
    claim(caching === 'no-store' || caching.startsWith('private'), 'a shared cache may keep it')
    const directives = caching.split(',').map((one) => one.trim().split('=')[0]?.toLowerCase() ?? '')
    claim(
      !directives.some((one) => ['public', 's-maxage'].includes(one)),
      'a shared cache may keep it after all',
    )
  }),
}
