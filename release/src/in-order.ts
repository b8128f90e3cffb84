import type { PublishedPackage } from '@evergrant/package-checks/published-packages'

/** Who is needed comes first: nobody must meet an adapter whose core is not there yet. */
export function inOrder(packages: readonly PublishedPackage[]): readonly PublishedPackage[] {
  const ordered = new Set<PublishedPackage>()
  const visit = (each: PublishedPackage, above: readonly PublishedPackage[]): void => {
    if (above.includes(each)) throw new Error(`${each.name} needs itself`)
    const { dependencies, peerDependencies } = each.manifest
    for (const name of Object.keys({ ...dependencies, ...peerDependencies })) {
      const needed = packages.find((one) => one.name === name)
      if (needed) visit(needed, [...above, each])
    }
    ordered.add(each)
  }
  for (const each of packages) visit(each, [])
  return [...ordered]
}
