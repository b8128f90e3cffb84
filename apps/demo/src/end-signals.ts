export interface Ending {
  /** In order. */
  end(): void
  /** At once: asked for a second time. */
  force(): void
}

const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const

/** One Ctrl-C can arrive twice: from the terminal, and from npm, which passes it on. */
const SAME_ASKING_MS = 500

/** Listens for Ctrl-C and its like until the returned function is called. */
export function whenAskedToEnd({ end, force }: Ending): () => void {
  let firstAtMs: number | undefined

  function onSignal(): void {
    if (firstAtMs === undefined) {
      firstAtMs = Date.now()
      end()
    } else if (Date.now() - firstAtMs > SAME_ASKING_MS) force()
  }

  for (const signal of SIGNALS) process.on(signal, onSignal)
  return () => {
    for (const signal of SIGNALS) process.off(signal, onSignal)
  }
}
