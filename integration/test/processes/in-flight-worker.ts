/** One process of a fleet: sends many requests to an API at once, each adapter its own way; rotates when told. */
import { attachTokens } from '@evergrant/axios-interceptor'
import { createTokenManager, type EvergrantEvent, fetchWithTokens, oauth2Provider } from '@evergrant/core'
import { readSetup, serve } from '@evergrant/store-tests/processes/serve'
import axios from 'axios'
import type { InFlightCall, InFlightJobs, InFlightReport, InFlightSetup, PostedOrder } from './messages.js'
import { openStore } from './open-store.js'

const setup = readSetup<InFlightSetup>()
const { store } = await openStore(setup.store)
let rotations = 0
const tokens = createTokenManager({
  provider: oauth2Provider(setup.provider),
  store,
  onEvent({ type }: EvergrantEvent) {
    if (type === 'grant.rotated') rotations += 1
  },
})

type Send = (order: PostedOrder | undefined) => Promise<number>

function throughAxios(adapter: 'http' | 'fetch'): Send {
  const instance = axios.create({ baseURL: setup.apiUrl, adapter })
  attachTokens(instance, { tokens, grantId: 'agency' })
  return async (order) =>
    (order ? await instance.post('/orders', order) : await instance.get('/orders')).status
}

function throughFetch(): Send {
  const send = fetchWithTokens({ tokens, grantId: 'agency' })
  return async (order) => {
    const body = order ? { method: 'POST', body: JSON.stringify(order) } : {}
    const response = await send(`${setup.apiUrl}/orders`, body)
    await response.text()
    return response.status
  }
}

const send = setup.sender === 'fetchWithTokens' ? throughFetch() : throughAxios(setup.sender)

async function sendAll(calls: readonly InFlightCall[]): Promise<InFlightReport> {
  const answers = await Promise.all(
    calls.map(({ order, postBytes }) =>
      send(postBytes === null ? undefined : { order, filling: 'x'.repeat(postBytes) }).catch(
        ({ name, code, message }) => `${name} ${code} ${message}`,
      ),
    ),
  )
  return { answers, rotations }
}

async function rotate(): Promise<void> {
  await tokens.getAccessToken('agency', { forceRefresh: true })
}

serve<InFlightJobs>({ sendAll, rotate })
