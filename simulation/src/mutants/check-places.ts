/** A part of `npm run check`: a refactoring of core that takes a mutation its place is noticed at once. */
import { mutate } from './mutate.js'
import { MUTATIONS } from './mutations.js'

for (const mutation of MUTATIONS) mutate(mutation)
process.stdout.write(`All ${MUTATIONS.length} mutations of the simulation find their place in core.\n`)
