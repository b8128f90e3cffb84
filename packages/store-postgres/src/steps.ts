import { EvergrantError } from '@evergrant/core'
import type { Names } from './names.js'
import type { Settings } from './options.js'
import type { PostgresPool, PostgresStatement } from './pg-like.js'
import { isUndone, translateError, unavailableStore } from './postgres-errors.js'
import { parseStored } from './rows.js'

type Value = string | number | boolean | null

/** Runs steps on the server, each in one round trip on whatever connection the pool gives. */
export interface Steps {
  /** Runs a procedure; resolves with its answer once that is committed. */
  run(procedure: string, ...values: readonly Value[]): Promise<unknown>
  /** Asks a function that changes nothing. */
  ask(name: string, ...values: readonly Value[]): Promise<unknown>
  /** Waits for what was begun; later calls reject with `CLOSED`. */
  close(): Promise<void>
}

/** How often a step is tried that the server undid; each try waits for the locks of others, not for time. */
const maxTries = 5

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms))

/** Text without NUL and broken Unicode: the rest PostgreSQL keeps exactly. */
function checkText(values: readonly Value[]): void {
  for (const value of values) {
    if (typeof value === 'string' && /[\0\p{Surrogate}]/u.test(value)) {
      throw new TypeError('postgresStore: ids must not hold NUL or broken Unicode')
    }
  }
}

/** A step whose caller has stopped waiting. */
interface Patience {
  over: boolean
}

/**
 * Rejects when `work` takes too long. What waits for a connection then never happens; what was sent still may,
 * and its caller may repeat it.
 */
async function within<T>(limitMs: number, work: (patience: Patience) => Promise<T>): Promise<T> {
  const patience = { over: false }
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => {
      patience.over = true
      reject(unavailableStore('The server or the pool did not answer in time.', 'TIMEOUT'))
    }, limitMs)
  })
  try {
    return await Promise.race([work(patience), late])
  } finally {
    clearTimeout(timer)
  }
}

/** As `pool.query` does it, but not for a caller who has gone. */
async function queryOnce(pool: PostgresPool, statement: PostgresStatement, patience: Patience) {
  const client = await pool.connect()
  if (patience.over) {
    client.release()
    return []
  }
  let failed = true
  const ignore = (): void => {} // The statement rejects as well.
  client.on('error', ignore)
  try {
    const { rows } = await client.query(statement)
    failed = false
    return rows
  } finally {
    client.removeListener('error', ignore)
    client.release(failed)
  }
}

async function query(pool: PostgresPool, statement: PostgresStatement, patience: Patience): Promise<unknown> {
  if (pool.ending === true) throw unavailableStore('The pool was ended.', 'POOL_ENDED')
  for (let tries = 1; ; tries++) {
    try {
      const [row] = await queryOnce(pool, statement, patience)
      const { answer } = (row ?? {}) as { answer?: unknown }
      return typeof answer === 'string' ? parseStored(answer) : undefined
    } catch (error) {
      if (!isUndone(error) || tries >= maxTries) throw translateError(error)
    }
    await pause(Math.random() * 10 * tries)
  }
}

export function createSteps({ pool, stepTimeoutMs }: Settings, names: Names): Steps {
  let closed = false
  const begun = new Set<Promise<unknown>>()

  async function begin(before: string, name: string, values: readonly Value[], after: string) {
    if (closed) throw new EvergrantError('CLOSED', 'This store was closed.')
    checkText(values)
    const places = [...values.map((_, i) => `$${i + 1}`), ...(after === '' ? [] : [after])]
    const text = `${before} ${names.routine(name)}(${places.join(', ')})${after === '' ? ' AS answer' : ''}`
    const statement = { text, values: [...values], query_timeout: stepTimeoutMs }
    const work = within(stepTimeoutMs, (patience) => query(pool, statement, patience))
    begun.add(work)
    try {
      return await work
    } finally {
      begun.delete(work)
    }
  }

  return {
    run: (procedure, ...values) => begin('CALL', procedure, values, 'NULL'),
    ask: (name, ...values) => begin('SELECT', name, values, ''),
    async close() {
      closed = true
      await Promise.allSettled(begun)
    },
  }
}
