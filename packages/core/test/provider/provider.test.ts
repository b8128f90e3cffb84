import { describe, expect, it } from 'vitest'
import { oauth2Provider } from '../../src/provider/oauth2-provider.js'
import { passolution } from '../../src/provider/passolution.js'

const good = { id: 'p', clientId: 'c', clientSecret: 's', tokenEndpoint: 'https://as.example/token' }

describe('oauth2Provider', () => {
  it.each([
    [{ id: '' }, 'id'],
    [{ id: 'a\u0000b' }, 'id'],
    [{ id: 'x'.repeat(256) }, 'id'],
    [{ clientId: '' }, 'clientId'],
    [{ clientSecret: '' }, 'clientSecret'],
    [{ tokenEndpoint: 'http://as.example/token' }, 'tokenEndpoint'],
    [{ tokenEndpoint: '/token' }, 'tokenEndpoint'],
    [{ tokenEndpoint: 'https://user:pw@as.example/token' }, 'tokenEndpoint'],
    [{ revocationEndpoint: 'ftp://as.example' }, 'revocationEndpoint'],
    [{ reuseIntervalMs: -1 }, 'reuseIntervalMs'],
    [{ budget: { limit: 0, windowMs: 1 } }, 'budget.limit'],
    [{ clientAuthentication: 'magic' as never }, 'clientAuthentication'],
  ])('refuses %j with a TypeError that names the option', (change, name) => {
    const make = () => oauth2Provider({ ...good, ...change })
    expect(make).toThrow(TypeError)
    expect(make).toThrow(`'${name}'`)
  })

  it('takes http on loopback, and elsewhere only under an alarming name', () => {
    for (const host of ['localhost', '127.0.0.1', '[::1]']) {
      oauth2Provider({ ...good, tokenEndpoint: `http://${host}:1/token` })
    }
    oauth2Provider({ ...good, tokenEndpoint: 'http://as.example/token', dangerouslyAllowHttp: true })
  })

  it('is frozen and does not print the client secret', () => {
    const facts = passolution({ clientId: 'c', clientSecret: 'canary-secret' })
    expect(Object.isFrozen(facts)).toBe(true)
    expect(JSON.stringify(facts)).not.toContain('canary')
  })
})
