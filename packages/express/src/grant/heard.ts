/**
 * A client that leaves must not end the process because the handler awaits something else first: rejects as before for
 * whoever awaits it.
 */
export function heard<T>(promise: Promise<T>): Promise<T> {
  promise.catch(() => {})
  return promise
}
