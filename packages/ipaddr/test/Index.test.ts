import * as all from "@effect-sockets/ipaddr"
import { assert, describe, it } from "@effect/vitest"
import * as fs from "node:fs"
import * as path from "node:path"

describe("the package", () => {
  it("hands on every public module under its own name", () => {
    const files = fs.readdirSync(path.join(import.meta.dirname, "../src")).filter((file) => file.endsWith(".ts"))
    const names = files.map((file) => path.basename(file, ".ts")).filter((name) => name !== "index")
    assert.deepStrictEqual(Object.keys(all).sort(), names.sort())
  })
})
