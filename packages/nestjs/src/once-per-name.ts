/**
 * The same class for the same name of a manager. Nest tells providers, guards and pipes apart by their class: a new one
 * for each use would be another instance for each, and one that is provided would not be the one that is injected.
 */
export function oncePerName<C>(make: (name: string) => C): (name: string) => C {
  const made = new Map<string, C>()
  return (name) => {
    const known = made.get(name) ?? make(name)
    made.set(name, known)
    return known
  }
}
