import type { ServerBehaviour } from './behaviour.js'
import type { Clients } from './clients.js'
import type { Codes } from './codes.js'
import type { Families } from './families.js'
import type { FaultBook } from './faults.js'
import type { Gates } from './gates.js'
import type { LedgerBook } from './ledger.js'
import type { Throttle } from './throttle.js'

/** What the endpoints of one server share. */
export interface ServerState {
  readonly now: () => number
  readonly behaviour: () => ServerBehaviour
  readonly clients: Clients
  readonly codes: Codes
  readonly families: Families
  readonly faults: FaultBook
  readonly gates: Gates
  readonly book: LedgerBook
  readonly throttles: Readonly<Record<'token' | 'api', Throttle>>
  readonly isClosed: () => boolean
}
