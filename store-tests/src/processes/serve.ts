/** What a process does when another asks it to: functions by name, whose values and results travel as JSON. */
export type Jobs<J> = { readonly [K in keyof J]: (...values: never[]) => unknown }

export interface Answer {
  readonly id: number
  readonly result?: unknown
  readonly error?: string
}

interface Question {
  readonly id: number
  readonly job: string
  readonly values: readonly unknown[]
}

/** What this process was started with. */
export const readSetup = <T>(): T => JSON.parse(process.argv[2] ?? 'null') as T

/** Says to the process which started this one that it is ready, and does the jobs that it asks for, also several at once. */
export function serve<J extends Jobs<J>>(jobs: J): void {
  const say = (answer: Answer): void => void process.send?.(answer)
  process.on('message', ({ id, job, values }: Question) => {
    Promise.resolve()
      .then(() => jobs[job as keyof J](...(values as never[])))
      .then(
        (result) => say({ id, result }),
        (error: unknown) => say({ id, error: String(error) }),
      )
  })
  say({ id: 0 })
}
