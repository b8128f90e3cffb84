/** Gives a class Node's hook for `util.inspect`, reached without importing Node. */
export function hideFromInspect(prototype: { toString(): string }): void {
  Object.defineProperty(prototype, Symbol.for('nodejs.util.inspect.custom'), {
    value(this: { toString(): string }): string {
      return this.toString()
    },
  })
}

/**
 * A secret that cannot print itself: `String`, template literals, `JSON.stringify`, `util.inspect` and spreads
 * give `[Secret]`. Read it with {@link Secret.reveal}, just before it leaves on the wire or into the store.
 */
export class Secret {
  readonly #value: string

  constructor(value: string) {
    this.#value = value
    Object.freeze(this)
  }

  reveal(): string {
    return this.#value
  }

  toString(): string {
    return '[Secret]'
  }

  toJSON(): string {
    return '[Secret]'
  }

  static {
    hideFromInspect(Secret.prototype)
  }
}
