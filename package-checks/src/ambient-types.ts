/**
 * What the trials put into the environment of the examples. A text, for the projects only: as a file of
 * declarations it would hold for this repository too.
 */
export const ambientTypes = `
declare namespace NodeJS {
  interface ProcessEnv {
    readonly AS: string
    readonly API: string
    readonly SITE: string
  }
}
`
