import { assert, it } from "@effect/vitest"
import * as fs from "node:fs"
import * as path from "node:path"
import { pages } from "./utils/examples.ts"
import { packages, publicSymbols, root } from "./utils/sources.ts"

const known = new Set(packages.flatMap(publicSymbols).map(({ name }) => name))
const modules = new Set([...known].map((name) => name.split(".")[0]))

/** Names as `Module.symbol` in the prose of a page, of a module that there is and a symbol that there is not. */
const unknown = (file: string): Array<string> => {
  const prose = fs.readFileSync(path.join(root, file), "utf8").replaceAll(/^(```|<!--)[^]*?^(```|-->)$/gm, "")
  return [...prose.matchAll(/`([A-Z]\w+)\.(\w+)/g)]
    .filter(([, module, symbol]) => modules.has(module) && symbol !== "ts" && !known.has(`${module}.${symbol}`))
    .map(([, module, symbol]) => `${module}.${symbol}`)
}

it.each(pages())("what %s names is there", (file) => assert.deepStrictEqual(unknown(file), []))
