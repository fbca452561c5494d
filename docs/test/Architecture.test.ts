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

it("what the page says is there", () => {
  const files = fs.readdirSync(socket, { recursive: true, encoding: "utf8" }).map((file) => path.basename(file, ".ts"))
  const modules = [...page.matchAll(/`([A-Z][A-Za-z0-9]+)(?:\.[a-zA-Z]+)?`/g)].map(([, name]) => name)
  assert.isAbove(modules.length, 20)
  for (const module of modules) assert.include(files, module)
})
