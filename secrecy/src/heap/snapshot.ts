import { readFileSync } from 'node:fs'

interface RawSnapshot {
  readonly snapshot: {
    readonly meta: {
      readonly node_fields: readonly string[]
      readonly node_types: readonly [readonly string[], ...unknown[]]
      readonly edge_fields: readonly string[]
      readonly edge_types: readonly [readonly string[], ...unknown[]]
    }
  }
  readonly nodes: readonly number[]
  readonly edges: readonly number[]
  readonly strings: readonly string[]
}

/** One string on the heap that holds a secret, and how it is reached. */
export interface Copy {
  /** The shortest chain of names from a root; `undefined`: only weakly, or not at all. */
  readonly path: string | undefined
}

/** V8's heap snapshot, read as far as is needed to ask who holds a text. */
export function copiesIn(path: string, secret: string): readonly Copy[] {
  const raw = JSON.parse(readFileSync(path, 'utf8')) as RawSnapshot
  const { node_fields: fields, node_types, edge_fields, edge_types } = raw.snapshot.meta
  const [width, edgeWidth] = [fields.length, edge_fields.length]
  const [nameAt, countAt, typeAt] = ['name', 'edge_count', 'type'].map((name) => fields.indexOf(name)) as [
    number,
    number,
    number,
  ]
  const { nodes, edges, strings } = raw
  const count = nodes.length / width
  const nameOf = (node: number): string => strings[nodes[node * width + nameAt] ?? 0] ?? ''
  const kindOf = (node: number): string => node_types[0][nodes[node * width + typeAt] ?? 0] ?? ''

  /** Breadth first from the root, over all edges but weak ones. */
  const cameFrom = new Int32Array(count).fill(-1)
  const cameBy: string[] = []
  const firstEdge = new Int32Array(count + 1)
  for (let node = 0, edge = 0; node < count; node++) {
    firstEdge[node] = edge
    edge += nodes[node * width + countAt] ?? 0
    firstEdge[node + 1] = edge
  }
  const queue = [0]
  cameFrom[0] = 0
  for (let next = 0; next < queue.length; next++) {
    const node = queue[next] as number
    for (let edge = firstEdge[node] as number; edge < (firstEdge[node + 1] as number); edge++) {
      const at = edge * edgeWidth
      const type = edge_types[0][edges[at] ?? 0]
      const to = (edges[at + 2] ?? 0) / width
      if (type === 'weak' || cameFrom[to] !== -1) continue
      cameFrom[to] = node
      const label = edges[at + 1] ?? 0
      cameBy[to] = type === 'element' || type === 'hidden' ? `[${label}]` : (strings[label] ?? '')
      queue.push(to)
    }
  }

  function pathTo(node: number): string | undefined {
    if (cameFrom[node] === -1) return undefined
    const steps: string[] = []
    for (let at = node; at !== 0; at = cameFrom[at] as number) {
      const what = kindOf(at).includes('string') ? '' : ` ${nameOf(at)}`
      steps.unshift(`.${cameBy[at]}${what}`.slice(0, 60))
    }
    return steps.join(' ')
  }

  const copies: Copy[] = []
  for (let node = 0; node < count; node++) {
    if (kindOf(node).includes('string') && nameOf(node).includes(secret)) copies.push({ path: pathTo(node) })
  }
  return copies
}
