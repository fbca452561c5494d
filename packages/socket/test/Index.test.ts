import * as all from "@effect-sockets/socket"
import { assert, describe, it } from "@effect/vitest"
import * as fs from "node:fs"
import * as path from "node:path"
import { fileURLToPath } from "node:url"

const source = path.join(import.meta.dirname, "../src")

const modules = (folder: string): Array<string> =>
  fs
    .readdirSync(path.join(source, folder))
    .filter((file) => file.endsWith(".ts"))
    .map((file) => path.basename(file, ".ts"))

/** The modules outside this repository that a file imports, by itself or through others. */
const imported = (file: string, seen = new Set<string>(), found = new Set<string>()): Set<string> => {
  if (seen.has(file)) return found
  seen.add(file)
  for (const [, name] of fs.readFileSync(file, "utf8").matchAll(/^(?:import|export|\}).* from "([^"]+)"$/gm)) {
    if (name.startsWith(".")) imported(path.join(path.dirname(file), name), seen, found)
    else if (name.startsWith("@effect-sockets/")) imported(fileURLToPath(import.meta.resolve(name)), seen, found)
    else found.add(name)
  }
  return found
}

describe("the package", () => {
  it("hands on every public module but Node's under its own name", () => {
    const names = [...modules("."), ...modules("testing")].filter(
      (name) => name !== "index" && !name.startsWith("Node")
    )
    assert.deepStrictEqual(Object.keys(all).sort(), names.sort())
  })

  it("loads no module of a platform", () => {
    const names = [...imported(path.join(source, "index.ts"))]
    assert.include(names, "effect/Effect")
    assert.deepStrictEqual(
      names.filter((name) => name !== "effect" && !name.startsWith("effect/")),
      []
    )
  })
})
