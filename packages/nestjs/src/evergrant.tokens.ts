/** The name of the manager that nobody named. */
export const DEFAULT_MANAGER = 'default'

/**
 * The injection token of the `TokenManager` of this name: what `@InjectTokenManager(name)` injects, and what a
 * test overrides. The same in every copy of this package.
 *
 * @param name - As given to `EvergrantModule.forRoot`. @defaultValue `'default'`
 * @throws TypeError for a name that is no non-empty string
 */
export function getTokenManagerToken(name: string = DEFAULT_MANAGER): string {
  return `EvergrantTokenManager(${checkName(name)})`
}

/**
 * The injection token of the options from which the manager of this name is made. A test that overrides it
 * replaces provider and store, and the application's own factory does not run.
 *
 * @param name - As given to `EvergrantModule.forRoot`. @defaultValue `'default'`
 * @throws TypeError for a name that is no non-empty string
 */
export function getTokenManagerOptionsToken(name: string = DEFAULT_MANAGER): string {
  return `EvergrantModuleOptions(${checkName(name)})`
}

/**
 * Where a manager lives. Seen by the whole application, so that `forFeature` can reach it. Nest quotes the token
 * when there is no such manager, so it says what would make one.
 */
export function getHostToken(name: string): string {
  return `EvergrantModule.forRoot({ name: '${name}' })`
}

/** What guard, decorators and filter of one manager share. */
export function getRequestGrantsToken(name: string): string {
  return `EvergrantRequestGrants(${checkName(name)})`
}

export function checkName(name: unknown): string {
  if (typeof name !== 'string' || name === '') throw optionError('name', 'must be a non-empty string')
  return name
}

/** The mistake of a programmer: names the option, and is told while the application starts. */
export function optionError(option: string, problem: string): TypeError {
  return new TypeError(`Evergrant: option '${option}' ${problem}`)
}
