import { assert, it } from "@effect/vitest"
import * as fs from "node:fs"
import * as path from "node:path"
import { filesBelow, root } from "./utils/sources.ts"

const pages = [
  "README.md",
  "ARCHITECTURE.md",
  "CONTRIBUTING.md",
  "SECURITY.md",
  "examples/README.md",
  "examples/http/README.md",
  ...filesBelow("docs", /\.md$/)
]

/** Markdown without its code, in which brackets mean something else. */
const prose = (file: string): string =>
  fs
    .readFileSync(path.join(root, file), "utf8")
    .replaceAll(/^```[^]*?^```$/gm, "")
    .replaceAll(/`[^`\n]*`/g, (code) => code.replaceAll(/[[\]()]/g, ""))

/** The names of a page's headings, as a link gives them. */
const anchors = (file: string): Array<string> =>
  [...prose(file).matchAll(/^#+ (.*)$/gm)].map(([, title]) =>
    title
      .toLowerCase()
      .replaceAll(/[^\p{L}\p{N}\s_-]/gu, "")
      .replaceAll(" ", "-")
  )

const deadLinks = (file: string): Array<string> =>
  [...prose(file).matchAll(/\]\(([^)\s]+)\)/g)]
    .map(([, link]) => link)
    .filter((link) => !/^https?:/.test(link))
    .filter((link) => {
      const [name, anchor] = link.split("#")
      const target = name === "" ? file : path.join(path.dirname(file), name)
      if (!fs.existsSync(path.join(root, target))) return true
      return anchor !== undefined && !anchors(target).includes(anchor)
    })

it.each(pages)("every link of %s within the repository leads somewhere", (file) =>
  assert.deepStrictEqual(deadLinks(file), [])
)
