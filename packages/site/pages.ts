/**
 * The pages of the site, taken from where they are written: the guides, the decisions, and the texts beside the sources.
 * Nothing is written here but which there are and in which order they are shown.
 */
import * as path from "node:path"

export interface Page {
  /** Where it is written, from the root of the checkout. */
  readonly source: string
  /** Where it is on the site. */
  readonly target: string
}

const guide = (name: string): Page => ({ source: `docs/${name}.md`, target: `guide/${name}.md` })

/** The groups of the sidebar. */
export const groups: Readonly<Record<string, ReadonlyArray<Page>>> = {
  Start: [{ source: "README.md", target: "index.md" }, guide("packages"), guide("runtimes"), guide("from-the-book")],
  Sockets: ["socket", "servers", "codecs", "clients", "dialers", "datagrams", "effect-socket", "testing"].map(guide),
  Addresses: ["ipaddr", "resolver"].map(guide),
  "HTTP/0.9": ["http09", "operating", "scaling"].map(guide),
  Examples: [
    { source: "examples/README.md", target: "examples/index.md" },
    { source: "examples/http/README.md", target: "examples/http.md" }
  ],
  Figures: [guide("benchmarks")],
  "How it is built": [
    { source: "ARCHITECTURE.md", target: "guide/architecture.md" },
    guide("states"),
    { source: "CONTRIBUTING.md", target: "guide/contributing.md" },
    guide("first-change"),
    { source: "SECURITY.md", target: "guide/security.md" },
    ...["bounded-accept-queue", "dns-client", "driver", "inherited-descriptors", "state-table"].map((name) => ({
      source: `docs/decisions/${name}.md`,
      target: `guide/decisions/${name}.md`
    }))
  ]
}

export const pages: ReadonlyArray<Page> = Object.values(groups).flat()

/** The title of a page: its first heading. */
export const titleOf = (markdown: string): string => /^# (.+)$/m.exec(markdown)?.[1] ?? ""

const link = /\[((?:[^[\]]|\[[^\]]*\])*)\]\((?!\w+:|#)([^)\s]+)\)/g
const fence = /^```.*?^```$/gms

/**
 * A page with its links led to the pages of the site. What is no page (a source, a folder) has no address there: its words
 * stay, the link goes. Blocks of code and hidden blocks are left alone.
 */
export const relink = (markdown: string, page: Page): string => {
  const targets = new Map(pages.map(({ source, target }) => [source, target]))
  const lead = (text: string): string =>
    text.replaceAll(link, (whole, words: string, to: string) => {
      if (/\.(svg|png)$/.test(to)) return whole
      const [file, anchor] = to.split("#")
      const target = targets.get(path.posix.join(path.posix.dirname(page.source), file))
      if (target === undefined) return words
      const relative = path.posix.relative(path.posix.dirname(page.target), target)
      return `[${words}](./${relative}${anchor === undefined ? "" : `#${anchor}`})`
    })
  let result = ""
  let end = 0
  for (const block of markdown.matchAll(fence)) {
    result += lead(markdown.slice(end, block.index)) + block[0]
    end = block.index + block[0].length
  }
  return result + lead(markdown.slice(end))
}
