/** What gates and faults may match a request by. */
export interface RequestTraits {
  readonly path: 'token' | 'api' | 'revoke'
  readonly grantType: string | null
  readonly clientId: string | null
  readonly family: string | null
}
