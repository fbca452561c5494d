/** Every link of every page leads somewhere: to a page, and to a place on it. */
import * as fs from "node:fs"
import * as path from "node:path"
import { assert, it } from "vitest"
import { pages } from "../pages.ts"
import { fileFor } from "./browser.ts"

const dist = path.join(import.meta.dirname, "../dist")

const entities: Readonly<Record<string, string>> = {
  "&amp;": "&",
  "&lt;": "<",
  "&gt;": ">",
  "&quot;": '"',
  "&#39;": "'"
}
const decode = (text: string): string => text.replaceAll(/&\w+;|&#39;/g, (entity) => entities[entity] ?? entity)

const attributes = (html: string, name: string): Array<string> =>
  [...html.matchAll(new RegExp(`\\s${name}="([^"]*)"`, "g"))].map(([, value]) => decode(value))

const files = (fs.readdirSync(dist, { recursive: true }) as Array<string>).filter((file) => file.endsWith(".html"))
const html = new Map(files.map((file) => [path.join(dist, file), fs.readFileSync(path.join(dist, file), "utf8")]))
const ids = new Map([...html].map(([file, text]) => [file, new Set(attributes(text, "id"))]))

/** The links that lead nowhere, each with its page. */
const dead = (): Array<string> =>
  files.flatMap((page) => {
    const from = path.join(dist, page)
    return [...attributes(html.get(from)!, "href"), ...attributes(html.get(from)!, "src")].flatMap((link) => {
      const url = new URL(link, `http://host/${page}`)
      if (url.host !== "host") return []
      const file = fileFor(dist, url.pathname)
      const anchor = decodeURIComponent(url.hash.slice(1))
      const isAlive = file !== undefined && (anchor === "" || !html.has(file) || ids.get(file)!.has(anchor))
      return isAlive ? [] : [`${page}: ${link}`]
    })
  })

it("every link of every page leads to a page, and to a place on it", () => {
  assert.isAbove(files.length, pages.length + 60)
  assert.deepStrictEqual([...new Set(dead())], [])
})

it("every page of docs is on the site", () => {
  const docs = path.join(import.meta.dirname, "../../../docs")
  const written = (fs.readdirSync(docs, { recursive: true }) as Array<string>).filter((file) => file.endsWith(".md"))
  const shown = new Set(pages.map(({ source }) => source))
  assert.deepStrictEqual(
    written.filter((file) => !shown.has(`docs/${file}`)),
    []
  )
})

it("nothing comes from another host but what a reader clicks on", () => {
  const foreign = [...html].flatMap(([file, text]) =>
    [...text.matchAll(/<(?:script|link|img)[^>]*\s(?:src|href)="(\w+:)?\/\/[^"]*"/g)].map(([tag]) => `${file}: ${tag}`)
  )
  assert.deepStrictEqual(foreign, [])
})
