/**
 * The package's benchmark: `pnpm --filter bench ipaddr`. The last column is how many times as fast as the first row, the
 * median over interleaved rounds in this one run.
 */
import { checksum } from "./rounds.ts"
import { run as sets } from "./sets.ts"
import { run as text } from "./text.ts"

text()
sets()
console.log(`\n(checksum ${checksum() % 1e6})`)
