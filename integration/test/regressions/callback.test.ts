import { expect, it } from 'vitest'
import { cameBack, openFleet } from './scene.js'

// Found by fuzzing (callback queries, seed 1): the first of two codes was exchanged.
it('a callback with two codes is refused, and none of them is sent', async () => {
  const fleet = await openFleet({ preset: 'passolution' })
  const { tokens } = fleet.member()
  const good = cameBack(fleet.server)
  const callback = new URLSearchParams(`${String(good.callback)}&code=another`)
  const exchange = tokens.exchangeCode('g', { ...good, callback })
  await expect(exchange).rejects.toMatchObject({ code: 'AUTHORIZATION_FAILED', reason: 'no_code' })
  expect(fleet.server.ledger.tokenRequests()).toHaveLength(0)
})

// Found by fuzzing (callback queries, seed 20261125): the library takes an empty issuer for none.
it('a callback with an empty issuer is refused', async () => {
  const fleet = await openFleet({ preset: 'passolution' })
  const { tokens } = fleet.member()
  const good = cameBack(fleet.server)
  const callback = new URLSearchParams(`${String(good.callback)}&iss=`)
  const exchange = tokens.exchangeCode('g', { ...good, callback })
  await expect(exchange).rejects.toMatchObject({ code: 'AUTHORIZATION_FAILED', reason: 'invalid_callback' })
  expect(fleet.server.ledger.tokenRequests()).toHaveLength(0)
})
