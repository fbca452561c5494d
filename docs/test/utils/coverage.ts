// The public symbols without an example: `node docs/test/utils/coverage.ts ipaddr` lists those of a package.
import { hasExample } from "./examples.ts"
import { packages, publicSymbols } from "./sources.ts"

export const missing = (name: string): Array<string> =>
  publicSymbols(name)
    .filter(({ docs }) => !docs.some(hasExample))
    .map(({ file, line, name }) => `${file}:${line} ${name}`)

/** The public symbols that do not say since when they are there, and of what category they are. */
export const untagged = (name: string): Array<string> =>
  publicSymbols(name)
    .filter(({ docs }) => !docs.some((doc) => /^ *\* @category [a-z][a-z ]*\n *\* @since \d+\.\d+\.\d+$/m.test(doc)))
    .map(({ file, line, name }) => `${file}:${line} ${name}`)

if (import.meta.main) {
  const [, , ...names] = process.argv
  for (const name of names.length === 0 ? packages : names) {
    const without = missing(name)
    for (const line of without) console.log(line)
    console.log(`${name}: ${without.length} of ${publicSymbols(name).length} public symbols have no example`)
    for (const line of untagged(name)) console.log(`${line}: no @category and @since`)
  }
}
