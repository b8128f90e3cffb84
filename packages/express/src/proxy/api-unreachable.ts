/** Why there is no answer. `timeout`: nothing moved for too long. */
export class ApiUnreachable extends Error {
  override readonly name = 'ApiUnreachable'
  readonly why: 'timeout' | 'broken'

  constructor(why: ApiUnreachable['why']) {
    super('The API did not answer')
    this.why = why
  }
}
