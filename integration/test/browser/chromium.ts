import { existsSync } from 'node:fs'
import { delimiter, join } from 'node:path'
import { type Browser, chromium } from 'playwright-core'
import { afterAll, beforeAll, describe, it } from 'vitest'

const program = ['chromium', 'google-chrome', 'chromium-browser']
  .flatMap((name) => (process.env.PATH ?? '').split(delimiter).map((folder) => join(folder, name)))
  .concat(process.env.CHROMIUM ?? [])
  .find((path) => existsSync(path))

const missing =
  'a browser is missing. Debian: apt-get install -y chromium; elsewhere name a Chromium or Chrome in the variable CHROMIUM.'

/** As a user's browser, but quiet: it asks nobody but the pages for anything. */
const QUIET = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
]

/**
 * As `describe`, with a browser that is closed at the end; without one the tests fail where CI is set, and are skipped
 * loudly elsewhere.
 */
export function describeInBrowser(name: string, tests: (browser: () => Browser) => void): void {
  if (program !== undefined) {
    describe(name, () => {
      let browser: Browser
      beforeAll(async () => {
        browser = await chromium.launch({ executablePath: program, args: QUIET })
      }, 60_000)
      afterAll(() => browser?.close())
      tests(() => browser)
    })
    return
  }
  if (process.env.CI) {
    it(`${name} needs a browser`, () => {
      throw new Error(missing)
    })
    return
  }
  describe.skip(`${name} (NOT TESTED: ${missing})`, () => tests(() => undefined as never))
  process.stderr.write(`\n!!! integration: '${name}' is NOT TESTED here: ${missing}\n\n`)
}
