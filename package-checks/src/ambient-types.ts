/**
 * What the examples take from their applications and from their environment. A text, for the projects only: as a file of
 * declarations it would hold for this repository too.
 */
export const ambientTypes = `
declare const replyOfTheCodeExchange: Record<string, unknown>
declare function userOf(request: unknown): { readonly accountId: string } | undefined

declare namespace NodeJS {
  interface ProcessEnv {
    readonly AS: string
    readonly API: string
    readonly SITE: string
    readonly CLIENT_ID: string
    readonly CLIENT_SECRET: string
    readonly CONNECT_SECRET: string
  }
}
`
