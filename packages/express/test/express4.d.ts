/** The alias of package.json; close enough to be used as Express 5 is, but for what the tests look at. */
declare module 'express4' {
  export { default } from 'express'
}
