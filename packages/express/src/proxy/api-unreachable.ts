/** Why there is no answer. `timeout`: nothing moved for too long. `stale`: a kept connection turned out to be closed. */
export class ApiUnreachable extends Error {
  override readonly name = 'ApiUnreachable'
  readonly why: 'timeout' | 'stale' | 'broken'

  constructor(why: ApiUnreachable['why']) {
    super('The API did not answer')
    this.why = why
  }
}
