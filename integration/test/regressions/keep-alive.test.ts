/** One grant's trouble is not the others': keep-alive goes on. */
import { EvergrantError, type GrantKey } from '@evergrant/core'
import { describe, expect, it, onTestFinished } from 'vitest'
import { anHour, outcomeOf, stillScene } from './still-scene.js'

const generationOf = async ({ tokens }: ReturnType<typeof stillScene>, grantId: string) =>
  (await tokens.status(grantId))?.generation

describe('keep-alive renews an idle grant before it lapses', () => {
  /** The store fails in this step of one grant, and of no other. */
  const damagedFor = (step: 'acquire' | 'commit', grantId: string) =>
    stillScene(
      undefined,
      {},
      {
        through: (store) => ({
          ...store,
          [step]: (request: never) =>
            (request as GrantKey).grantId === grantId
              ? Promise.reject(new EvergrantError('STORE_UNAVAILABLE', 'this row is damaged'))
              : store[step](request),
        }),
      },
    )

  // The sweep waited for every rotation of its grants, however long callers kept it going.
  it('while callers wait for another one of which the store gives no lease', async () => {
    const scene = damagedFor('acquire', 'ill')
    const { clock, tokens } = scene
    await tokens.saveGrant('ill', { ...anHour, expires_in: 100 })
    await tokens.saveGrant('well', anHour)
    await clock.advance(100_000)
    const waits = outcomeOf(tokens.getAccessToken('ill', { timeoutMs: 10 * 3_600_000 }))
    await clock.advance(10)
    tokens.start()
    await clock.advance(3_400_000)
    expect(waits.now).toBe('pending')
    expect(await generationOf(scene, 'well')).toBe(2)
  })

  it('while the store refuses the successor of another one, again and again', async () => {
    const scene = damagedFor('commit', 'ill')
    const { clock, tokens } = scene
    await tokens.saveGrant('ill', { ...anHour, expires_in: 100 })
    await tokens.saveGrant('well', anHour)
    tokens.start()
    await clock.advance(3_500_000)
    expect(await generationOf(scene, 'ill')).toBe(1)
    expect(await generationOf(scene, 'well')).toBe(2)
  })
})

describe('a sweep of keep-alive', () => {
  // Its error was nobody's, and ended the process.
  it('survives a source of chance that throws', async () => {
    const unhandled: unknown[] = []
    const before = process.listeners('unhandledRejection')
    process.removeAllListeners('unhandledRejection')
    process.on('unhandledRejection', (error) => unhandled.push(error))
    onTestFinished(() => {
      process.removeAllListeners('unhandledRejection')
      for (const listener of before) process.on('unhandledRejection', listener)
    })
    let ids = 0
    let failing = false
    const id = (): string => {
      if (failing) throw new Error('no entropy')
      return `id ${++ids}`
    }
    const robot = { clientCredentials: { robot: {} }, chance: { float: () => 0.5, id } }
    const scene = stillScene(
      undefined,
      {},
      {
        ...robot,
        // Removed by another process between the index and the load, so that the sweep makes it anew.
        through: (store) => ({
          ...store,
          claimDue: async (request) => {
            const answer = await store.claimDue(request)
            return failing ? { ...answer, keys: [{ provider: 'p', grantId: 'robot' }] } : answer
          },
        }),
      },
    )
    const { clock, tokens } = scene
    await tokens.saveGrant('well', anHour)
    tokens.start()
    failing = true
    await clock.advance(3_000)
    failing = false
    await clock.advance(3_400_000)
    expect(unhandled).toEqual([])
    expect(await generationOf(scene, 'well')).toBe(2)
  })
})
