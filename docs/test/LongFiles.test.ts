import { assert, it } from "@effect/vitest"
import * as fs from "node:fs"
import * as path from "node:path"
import { filesBelow, packages, root } from "./utils/sources.ts"

const most = 400

const long = packages
  .flatMap((name) => filesBelow(`packages/${name}/src`, /\.ts$/))
  .map((file) => ({ file, text: fs.readFileSync(path.join(root, file), "utf8") }))
  .filter(({ text }) => text.trimEnd().split("\n").length > most)

/** A source without the examples and the tags of its doc comments. */
const withoutExamples = (text: string): string =>
  text
    .replaceAll(/^ *\*\n( *\* ```ts\n)(?: *\*.*\n)*? *\* ```\n/gm, "")
    .replaceAll(/^ *\*\n *\* @category .*\n *\* @since .*\n/gm, "")

it.each(long.map(({ file, text }) => [file, text] as const))(
  "%s says in its first comment why it has more than 400 lines",
  (_, text) => {
    const [first] = text.split("*/", 1)
    assert.match(first, /\b(long|longer)\b/i)
    if (first.includes("by its examples alone")) {
      assert.isAtMost(withoutExamples(text).trimEnd().split("\n").length, most)
    }
  }
)
