import { assert, it } from "@effect/vitest"
import * as fs from "node:fs"
import * as path from "node:path"
import { root } from "./utils/sources.ts"

const page = fs.readFileSync(path.join(root, "ARCHITECTURE.md"), "utf8")
const socket = path.join(root, "packages/socket/src")

const rooms = (folder: string): Array<string> =>
  fs
    .readdirSync(path.join(socket, folder), { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .map(({ name }) => path.join(folder, name))

it.each([...rooms("internal"), "testing"])("the page names the room %s", (room) => {
  assert.include(page, `\`${room}\``)
})

it("no function is assigned to a property where it is made, but for what a server has once", () => {
  const isSo = /^\s*;?\(?[\w.() ]+\.\w+ \??\??= (?:async )?(?:function\b|\([^)]*\)(?:: [^=]+)? =>|\w+ =>)/m
  const files = fs
    .readdirSync(socket, { recursive: true, encoding: "utf8" })
    .filter((file) => file.endsWith(".ts") && isSo.test(fs.readFileSync(path.join(socket, file), "utf8")))
    .map((file) => path.basename(file))
  assert.deepStrictEqual(files, ["Handle.ts"])
})

it("what the page says is there", () => {
  const files = fs.readdirSync(socket, { recursive: true, encoding: "utf8" }).map((file) => path.basename(file, ".ts"))
  const modules = [...page.matchAll(/`([A-Z][A-Za-z0-9]+)(?:\.[a-zA-Z]+)?`/g)].map(([, name]) => name)
  assert.isAbove(modules.length, 20)
  for (const module of modules) assert.include(files, module)
})
