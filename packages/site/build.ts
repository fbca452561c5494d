/**
 * `pnpm site`: makes the site in `dist`, for any static host. `SITE_BASE` is the path that it is served under, with a slash
 * at both ends; `/` unless said otherwise.
 */
import * as fs from "node:fs"
import * as path from "node:path"
import { Application } from "typedoc"
import { build } from "vitepress"
import { pages, relink } from "./pages.ts"

const here = import.meta.dirname
const root = path.join(here, "../..")
const out = path.join(here, ".pages")

fs.rmSync(out, { recursive: true, force: true })
for (const page of pages) {
  const file = path.join(out, page.target)
  fs.mkdirSync(path.dirname(file), { recursive: true })
  fs.writeFileSync(file, relink(fs.readFileSync(path.join(root, page.source), "utf8"), page))
}
fs.copyFileSync(path.join(root, "docs/benchmarks.svg"), path.join(out, "guide/benchmarks.svg"))

process.chdir(here)
const app = await Application.bootstrapWithPlugins({ options: path.join(here, "typedoc.json") })
const project = await app.convert()
// A comment that refers to nothing is a fault.
if (project !== undefined) app.validate(project)
if (project === undefined || app.logger.hasErrors() || app.logger.hasWarnings())
  throw new Error("the reference could not be made")
await app.generateOutputs(project)
// What a member comes from is often no page of its own, and its link would lead nowhere.
for (const file of fs.readdirSync(path.join(out, "reference"), { recursive: true, encoding: "utf8" })) {
  if (!file.endsWith(".md")) continue
  const page = path.join(out, "reference", file)
  fs.writeFileSync(page, fs.readFileSync(page, "utf8").replaceAll(/^#+ (Inherited from|Overrides)\n\n.*\n\n/gm, ""))
}

await build(here)
