import { assert, describe, it } from "@effect/vitest"
import * as fs from "node:fs"
import * as path from "node:path"
import { copied } from "./utils/examples.ts"

const root = path.resolve(import.meta.dirname, "../..")

const files = (folder: string, pattern: RegExp): Array<string> =>
  fs
    .readdirSync(path.join(root, folder), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && pattern.test(entry.name) && !entry.parentPath.includes("node_modules"))
    .map((entry) => path.join(entry.parentPath, entry.name))

/** Code without its white space: a test may set it deeper. */
const squeeze = (code: string): string => code.replaceAll(/\s+/g, "")

describe("the documentation", () => {
  const tested = [
    ...files("docs/test", /\.test\.ts$/),
    ...["ipaddr", "resolver", "socket", "http09"].flatMap((name) => files(`packages/${name}/test`, /Docs.*\.test\.ts$/))
  ].map((file) => squeeze(fs.readFileSync(file, "utf8")))

  for (const file of copied.map((name) => `docs/${name}.md`)) {
    const blocks = [...fs.readFileSync(path.join(root, file), "utf8").matchAll(/^```ts\n(.*?)^```$/gms)]
    it(`every example in ${file} stands in a test or in a file that a test runs`, () => {
      for (const [, code] of blocks) {
        assert.isTrue(
          tested.some((text) => text.includes(squeeze(code))),
          code
        )
      }
    })
  }
})
