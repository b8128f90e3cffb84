import * as core from '@evergrant/core'
import { describe, expect, it } from 'vitest'
import { reportCoverage } from '../src/reached/report.js'
import { playSeed } from '../src/run/play-seed.js'
import { runSeeds } from '../src/run/run-seeds.js'

/** A first look; `npm run simulate` plays as many as you like. */
describe('a simulated fleet', () => {
  it('keeps every promise in two thousand worlds, whatever becomes of its tries', {
    timeout: 400_000,
  }, async () => {
    const summary = await runSeeds({ first: 1, seeds: 2_000, workers: 2 })
    // To see one: `npm run simulate -- --seed N`
    expect(summary.violations).toEqual([])
    const { outcomes, impossible } = reportCoverage(summary.coverage)
    expect(impossible).toEqual([])
    expect(Object.entries(outcomes).filter(([, times]) => times === 0)).toEqual([])
  })
})

/** Each broke a promise once, with the core of its day; plans change, so a seed may show something else by now. */
const found: readonly [number, string][] = [
  [22317, 'a wall clock that was set back made settle last for days'],
  [60, 'a lifetime counted from an instant after the request'],
  [53, 'a code was sent with a slot that was out of date'],
  [29, 'a caller who could not wait for a slow look got an error though its token worked'],
  [588, 'what was handed out before its commit outranked the answer to the commit'],
  [9, 'settle did not take over what it found'],
  [40360, 'a wall clock that jumped silenced the fleet for a day'],
  [41508, 'background work stood behind itself'],
  [60829, 'a late write to the escrow covered a newer successor'],
  [60678, 'a clock that jumped silenced a fleet without a store'],
  [18, 'a process that was paused while it settled'],
  [204044, 'a save lost to the answer that showed what it replaced'],
  [207487, 'a silence counted from the late clock'],
  [502748, 'a successor was dropped though the newer link held the token that was spent'],
  [7674, 'a slow disk put an older successor over a newer one'],
  [506213, 'a grant that was removed and authorized again was kept where no call looked'],
  [3006923, 'a process that had given up did not see that the grant was gone, or there again'],
  [8715, 'a process that stood still held a token back for an access token that was over'],
  [70475, 'a late question got a process the lease once more, after another had sent'],
  [3350, 'a successor that followed a newer link was not handed out while the store was away'],
  [
    13512,
    'a successor in escrow was refused for a newer link that still held what it replaced, and left there',
  ],
  [15048, 'a grant was marked dead though an escrow held what its token was replaced by, two links back'],
  [17593, 'a token was sent again though its replacement lay in escrow, as successor of an older link'],
  [
    29161,
    'a store forgot an authorization: what followed it was dropped, and the token before it sent again',
  ],
  [37559, 'what was handed out before its commit outranked an authorization'],
  [97484, "an old chain's late successor lay over one of the new chain that no store had"],
  [17741, 'an authorization was saved once more over a newer one, as its own answer was slow'],
  [
    33277,
    'a successor was in no escrow any more when it was stored, as an older chain had left one in its place',
  ],
  [18118, 'a successor of an older chain lay over one of a newer, which the store then forgot'],
  [2060, 'a grant that its user had removed came back, with an authorization of long ago, from an escrow'],
  [37139, 'the same as 17741, where the disk had answered too late'],
  [
    61765,
    'a token was sent again though its replacement lay in escrow, as successor of what was saved twice',
  ],
  [
    66415,
    'the lease was got once more by a late question, and as many sends were counted as the process had seen',
  ],
  [
    5301,
    'a new authorization was not taken over when the old one had been looked at in the same millisecond',
  ],
  [49129, 'a new authorization was not taken over when an older answer came in its millisecond'],
  [69198, 'the same, from another process'],
  [31084, 'a new grant was not taken over as a look for it, begun before, had found nothing'],
  [54758, 'nor when the look had found nothing in the millisecond of the new one'],
  [83243, 'a look at the store from before a removal was handed out after it'],
  [54893, 'callers who were served otherwise held up all keep-alive for two windows'],
  [300428, 'a close that failed while keep-alive was at work was an unhandled rejection'],
]

describe('a seed that broke a promise', () => {
  it.each(found)('%i: %s', async (seed) => {
    expect((await playSeed(core, seed)).violation).toBeUndefined()
  })
})

/** Each was called a violation once, and was none. */
const misjudged: readonly [number, string][] = [
  [36, 'an attempt that came while another was waited for, and was taken back'],
  [60565, 'a 429 that answered a revocation'],
  [60741, 'a revocation that had used up the window'],
  [304082, 'a store that forgot one authorization and brought another back'],
  [502176, 'a save that failed, was stored later, and had been asked for by a machine that slept'],
  [2614, 'an arm that arrived late, after its process had asked for the lease anew'],
  [2046, 'a store that was found away only after its client had given up'],
  [507960, 'a disk that was told that a successor is stored and never had it'],
  [2009719, 'a store that forgot why it had refused a successor'],
  [3002365, 'an idle grant whose token had been sent too often without an answer'],
  [4008686, 'a commit whose answer came after core had given the question up'],
  [4012965, 'a store that forgot an attempt whose request was under way'],
  [5003561, 'an idle grant that a store had forgotten and was given back'],
  [34789, 'a store that forgot an authorization, and with it why its successor was refused'],
  [105199, 'a store that forgot a removal, and with it a rotation'],
  [4807, 'a refusal torn in half, heard again under the lease'],
  [18934, 'an expiry written down late, and read before its writer had its answer'],
  [11182, 'tokens that looked over to a machine that had slept while the store answered'],
  [
    41886,
    'a successor that came to the disk of a machine after its process had looked there for the last time',
  ],
  [7659, 'a grant that was removed, as an answer to a rotation said, and that an escrow brought back'],
  [9660, 'an authorization of which its caller was told late, stored after a removal'],
  [73717, 'a store that forgot a whole authorization, and a disk that did not take its second link'],
  [11526, 'an expiry written down late by a machine that slept, whose wall clock was set forward after that'],
]

describe('a seed that a judge misread', () => {
  it.each(misjudged)('%i: %s', async (seed) => {
    expect((await playSeed(core, seed)).violation).toBeUndefined()
  })
})

describe('a seed whose tries were misread', () => {
  it('93667: an answer that came just when core gave it up was taken for none', async () => {
    const { tally } = await playSeed(core, 93667)
    expect(reportCoverage(Object.fromEntries(tally.coverage)).impossible).toEqual([])
  })
})

describe('a seed', () => {
  it.each([1, 18, 53, 588])('%i gives the same trace each time', async (seed) => {
    const [first, second] = [await playSeed(core, seed), await playSeed(core, seed)]
    expect([second.hash, second.steps]).toEqual([first.hash, first.steps])
    expect(second.hash).not.toBe((await playSeed(core, seed + 1)).hash)
  })
})
