import { createCookieJar } from './cookie-jar.js'
import type { InteractionPage } from './interaction-pages.js'

/** What the user does at the provider's pages. */
export interface ScriptedUser {
  readonly login: string
  readonly consent: 'allow' | 'deny'
}

/** More redirects and pages than any login has. */
const MAX_STEPS = 20

/**
 * A user's browser, new to the provider: follows redirects, keeps cookies, answers login and consent.
 *
 * @returns where the provider sends the user back to: the redirect URI with its parameters, not requested
 */
export async function visit(url: string, redirectUri: string, user: ScriptedUser): Promise<string> {
  const jar = createCookieJar()
  let here = url
  let form: URLSearchParams | undefined
  for (let step = 0; step < MAX_STEPS; step++) {
    const response = await fetch(here, {
      method: form ? 'POST' : 'GET',
      headers: { cookie: jar.headerFor(new URL(here).pathname) },
      redirect: 'manual',
      ...(form && { body: form }),
    })
    jar.keep(response)
    form = undefined
    const location = response.headers.get('location')
    if (location !== null) {
      await response.body?.cancel()
      here = new URL(location, here).href
      if (here.startsWith(`${redirectUri}?`)) return here
    } else if (response.ok) {
      const { prompt } = (await response.json()) as InteractionPage
      form = new URLSearchParams({ [prompt]: user[prompt] })
    } else {
      throw new Error(`The browser is stuck: ${response.status} ${await response.text()}`)
    }
  }
  throw new Error('The browser goes round in circles')
}
