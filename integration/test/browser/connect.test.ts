/** The connect flow and the proxy as a user meets them: in a real browser, across two sites. */
import type { BrowserContext, Page, Request } from 'playwright-core'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { describeInBrowser } from './chromium.js'
import { type Sites, startSites } from './sites.js'

describeInBrowser('in a browser', (browser) => {
  let sites: Sites
  let context: BrowserContext
  let page: Page
  /** All that the browser was sent: addresses, headers, bodies. */
  let seen: string[]

  beforeEach(async () => {
    sites = await startSites()
    context = await browser().newContext()
    seen = []
    context.on('requestfinished', (request) => void pending.push(keep(request)))
    page = await context.newPage()
  })

  const pending: Promise<unknown>[] = []

  async function keep(request: Request): Promise<void> {
    const response = await request.response()
    if (!response) return
    const isRedirect = response.status() >= 300 && response.status() < 400
    seen.push(response.url(), JSON.stringify(await response.allHeaders()))
    // The browser forgets bodies of pages that were left meanwhile.
    if (!isRedirect) seen.push(await response.text().catch(() => ''))
  }

  afterEach(async () => {
    await Promise.all(pending.splice(0))
    expect(seen.length).toBeGreaterThan(0)
    const cookies = JSON.stringify(await context.cookies())
    for (const secret of sites.secrets()) {
      expect(cookies).not.toContain(secret)
      for (const text of seen) expect(text).not.toContain(secret)
    }
    await context.close()
    await sites.close()
  })

  const title = () => page.title()
  const settings = () => `${sites.app}/settings`
  const isConnected = async () => (await sites.tokens.status('agency-42'))?.state === 'live'
  const callApi = () =>
    page.evaluate(async () => {
      const response = await fetch('/api/travel/infosystem/passolution')
      return { status: response.status, authorization: response.headers.get('authorization') }
    })

  async function connect(): Promise<void> {
    await page.goto(sites.app)
    await page.click('#connect')
    await page.click('#approve')
    await page.waitForURL(settings())
  }

  it('a user connects, the page calls the API through the proxy, and disconnects', async () => {
    await page.goto(sites.app)
    expect(await callApi()).toEqual({ status: 401, authorization: null })
    await connect()
    expect(await callApi()).toEqual({ status: 200, authorization: null })
    sites.provider.expireAccessTokens()
    expect(await callApi()).toEqual({ status: 200, authorization: null })
    expect(sites.provider.ledger.rotations()).toHaveLength(1)
    expect(await page.evaluate(() => document.cookie)).toBe('')
    await page.click('#disconnect')
    await page.waitForURL(`${sites.app}/`)
    expect(await callApi()).toEqual({ status: 401, authorization: null })
  })

  it('going back to the callback and reloading it does not connect twice, and says so', async () => {
    await page.goto(sites.app)
    await page.click('#connect')
    const callback = page.waitForRequest((request) => request.url().includes('/connect/callback'))
    await page.click('#approve')
    await page.waitForURL(settings())
    await page.goto((await callback).url())
    expect(await title()).toBe('This link was already used')
    expect(sites.provider.ledger.tokenRequests()).toHaveLength(1)
    expect(await isConnected()).toBe(true)
    await page.goto(sites.app)
    await page.goBack()
    await page.goBack()
    expect(sites.provider.ledger.tokenRequests()).toHaveLength(1)
  })

  it('a user who denies is told, and may begin again from there', async () => {
    await page.goto(sites.app)
    await page.click('#connect')
    await page.click('#deny')
    expect(await title()).toBe('Not connected')
    await page.click('a:has-text("Connect again")')
    await page.click('#approve')
    await page.waitForURL((url) => url.origin === sites.app && url.pathname !== '/connect/callback')
    expect(await isConnected()).toBe(true)
  })

  it('a user who takes too long is told, and nothing is stored', async () => {
    await page.goto(sites.app)
    await page.click('#connect')
    sites.pass(11 * 60_000)
    await page.click('#approve')
    expect(await title()).toBe('That took too long')
    expect(sites.provider.ledger.tokenRequests()).toHaveLength(0)
  })

  it('two tabs at once both end well', async () => {
    await page.goto(sites.app)
    const other = await context.newPage()
    await other.goto(sites.app)
    await page.click('#connect')
    await other.click('#connect')
    await page.click('#approve')
    await page.waitForURL(settings())
    await other.click('#approve')
    await other.waitForURL(settings())
    expect(sites.provider.ledger.tokenRequests()).toHaveLength(2)
    expect(await isConnected()).toBe(true)
  })

  it('a callback that was begun in another browser is refused', async () => {
    await page.goto(sites.app)
    await page.click('#connect')
    const request = new URL(page.url())
    request.searchParams.set('decision', 'approve')
    const answered = await fetch(request, { redirect: 'manual' })
    const victim = await browser().newContext()
    const theirs = await victim.newPage()
    await theirs.goto(answered.headers.get('location') ?? '')
    expect(await theirs.title()).toBe('This was not begun here')
    expect(await isConnected()).toBe(false)
    expect(sites.provider.ledger.tokenRequests()).toHaveLength(0)
    await victim.close()
  })

  it("another site's form cannot disconnect, nor its script read the API", async () => {
    await connect()
    const form = `<form method="post" action="${sites.app}/connect/disconnect"></form><script>document.forms[0].submit()</script>`
    await page.goto(await sites.stranger(form))
    await page.waitForURL(`${sites.app}/connect/disconnect`)
    expect(await page.textContent('body')).toContain('cross_site')
    expect(await isConnected()).toBe(true)
    await page.goto(await sites.stranger('<title>Stranger</title>'))
    const read = await page.evaluate(
      (url) =>
        fetch(url, { credentials: 'include' }).then(
          (response) => response.text(),
          () => 'refused',
        ),
      `${sites.app}/api/travel/infosystem/passolution`,
    )
    expect(read).toBe('refused')
    expect(sites.provider.ledger.apiRequests()).toHaveLength(0)
  })

  it.each(['https://evil.example/', '//evil.example/', '/\\evil.example', 'javascript:alert(1)'])(
    'returnTo=%s leads nowhere else',
    async (returnTo) => {
      await page.goto(`${sites.app}/connect?returnTo=${encodeURIComponent(returnTo)}`)
      await page.click('#approve')
      await page.waitForURL(`${sites.app}/`)
      expect(await isConnected()).toBe(true)
    },
  )
})
