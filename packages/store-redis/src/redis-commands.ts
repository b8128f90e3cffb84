/** The little that the store needs of a client. One file per client translates to it. */
export interface RedisCommands {
  /** Runs a script that the server knows; rejects with the server's NOSCRIPT error when it does not. */
  evalSha(sha: string, keys: readonly string[], args: readonly string[]): Promise<unknown>
  /** Runs a script, which the server knows from then on. */
  eval(text: string, keys: readonly string[], args: readonly string[]): Promise<unknown>
  /**
   * `undefined` when the client can send at once, or never will. Otherwise a promise that ends when that may
   * have changed: what waits here does not pile up in the client, to be sent when nobody needs it any more.
   */
  connecting(): Promise<void> | undefined
  /**
   * Opens a connection of its own that listens to one channel, and does not reconnect.
   *
   * @param on.message - a notice came
   * @param on.end - the connection is gone; called at most once, never after `close`
   * @returns closes the connection
   */
  openSubscription(channel: string, on: SubscriptionEvents): Promise<() => void>
}

export interface SubscriptionEvents {
  message(text: string): void
  end(): void
}

/** What both clients are: event emitters. */
export interface Emitter {
  on(event: string, listener: (...values: unknown[]) => void): unknown
  off(event: string, listener: (...values: unknown[]) => void): unknown
}

/** Resolves at the first of these events. */
export function nextEvent(emitter: Emitter, events: readonly string[]): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => {
      for (const event of events) emitter.off(event, done)
      resolve()
    }
    for (const event of events) emitter.on(event, done)
  })
}
