/** What the site looks like: VitePress's own theme, a search that needs no service, and the pages of `pages.ts`. */
import * as fs from "node:fs"
import * as path from "node:path"
import { defineConfig } from "vitepress"
import { groups, titleOf } from "../pages.ts"

const root = path.join(import.meta.dirname, "../../..")
const reference = path.join(import.meta.dirname, "../.pages/reference")

const address = (file: string): string => `/${file.replace(/(index)?\.md$/, "")}`

const guides = Object.entries(groups).map(([text, pages]) => ({
  text,
  items: pages.map(({ source, target }) => ({
    text: titleOf(fs.readFileSync(path.join(root, source), "utf8")),
    link: address(target)
  }))
}))

const modules = (name: string) => ({
  text: name,
  collapsed: name !== "socket",
  items: (fs.readdirSync(path.join(reference, name, "src"), { recursive: true }) as Array<string>)
    .filter((file) => file.endsWith(".md"))
    .toSorted()
    .map((file) => ({ text: file.replace(/\.md$/, ""), link: address(`reference/${name}/src/${file}`) }))
})

export default defineConfig({
  title: "effect-sockets",
  description: "Sockets and servers for Effect: bounded, typed, and testable without a network.",
  // None: without a word about it browsers ask for one.
  head: [["link", { rel: "icon", href: "data:," }]],
  base: process.env.SITE_BASE ?? "/",
  srcDir: ".pages",
  outDir: "dist",
  cacheDir: "node_modules/.vitepress",
  lastUpdated: false,
  themeConfig: {
    nav: [
      { text: "Guide", link: "/guide/socket" },
      { text: "Reference", link: "/reference/" },
      { text: "Examples", link: "/examples/" },
      { text: "Benchmarks", link: "/guide/benchmarks" }
    ],
    sidebar: { "/reference/": ["socket", "ipaddr", "resolver", "http09"].map(modules), "/": guides },
    search: { provider: "local" },
    outline: "deep"
  }
})
