/**
 * The page that lists a folder without `index.html`. Pure.
 *
 * - The page is ASCII, as the document of 1991 wants answers to be: it has no charset to be wrong about. Every other
 *   character, and those that HTML takes for its own, comes as a reference, so nothing of a name is ever markup.
 * - Links are paths from the root (`/folder/a%20b`). HTTP/0.9 cannot redirect, so `/folder` and `/folder/` are one page,
 *   and links relative to it would be right for one of them only.
 * - What no request can ask for is not listed: a name with a control character or a backslash, or one whose link is
 *   longer than a request line may be.
 */
import * as RequestLine from "./RequestLine.ts"

/**
 * One thing in a folder.
 *
 * ```ts
 * import * as Listing from "@effect-sockets/http09/Listing"
 * const entry: Listing.Entry = { name: "a b.txt", isFolder: false, size: 5, modified: 0 }
 * new TextDecoder().decode(Listing.page("/", [entry])).includes("1970-01-01 00:00             5  <a href=\"/a%20b.txt\">") // => true
 * ```
 *
 * @category models
 * @since 0.1.0
 */
export interface Entry {
  readonly name: string
  readonly isFolder: boolean
  /** A document's length in bytes. */
  readonly size?: number | undefined
  /** When it was last changed, in milliseconds since 1970. */
  readonly modified?: number | undefined
}

/**
 * How many names of a folder are looked at, at most: 10,000, which make a page of about one megabyte.
 *
 * ```ts
 * import * as Listing from "@effect-sockets/http09/Listing"
 * Listing.maxEntries // => 10_000
 * ```
 *
 * @category constants
 * @since 0.1.0
 */
export const maxEntries = 10_000

/**
 * The page for a folder: the names sorted by their characters' codes, folders with a slash at the end, each with its
 * date (UTC) and its size in bytes, and a link to the folder above.
 *
 * `path` is the folder's, with or without the slash at its end. `isWhole` is false if there were more than `maxEntries`.
 *
 * ```ts
 * import * as Listing from "@effect-sockets/http09/Listing"
 * const page = new TextDecoder().decode(Listing.page("/notes", [{ name: "b", isFolder: true }, { name: "<a>", isFolder: false }]))
 * page.match(/<a href.*<\/a>/g) // => ['<a href="/">../</a>', '<a href="/notes/%3Ca%3E">&#60;a&#62;</a>', '<a href="/notes/b/">b/</a>']
 * ```
 *
 * @category formatting
 * @since 0.1.0
 */
export const page = (path: string, entries: Iterable<Entry>, isWhole = true): Uint8Array => {
  const folder = path.endsWith("/") ? path : `${path}/`
  const title = `Index of ${escape(folder)}`
  const base = RequestLine.fromPath(folder)
  const above = base.slice(0, base.lastIndexOf("/", base.length - 2) + 1)
  const rows: Array<readonly [name: string, row: string]> = []
  for (const { isFolder, modified, name, size } of entries) {
    const slash = isFolder ? "/" : ""
    if (unaskable.test(name)) continue
    const target = `${base}${encodeURIComponent(name)}${slash}`
    if (target.length > longest) continue
    rows.push([`${name}${slash}`, row(date(modified), String(size ?? "-"), target, `${name}${slash}`)])
  }
  rows.sort(([a], [b]) => (a < b ? -1 : 1))
  const list = rows.map(([, row]) => row).join("")
  const up = folder === "/" ? "" : row("-", "-", above, "../")
  const more = isWhole ? "" : `<p>There is more: only ${maxEntries} names were read.</p>\n`
  return new TextEncoder().encode(
    `<!DOCTYPE html>\n<title>${title}</title>\n<h1>${title}</h1>\n<pre>\n${up}${list}</pre>\n${more}`
  )
}

/** Dates and sizes come first, where names of any script and width cannot push them aside. */
const row = (date: string, size: string, target: string, name: string): string =>
  `${date.padStart(16)} ${size.padStart(13)}  <a href="${escape(target)}">${escape(name)}</a>\n`

const escape = (text: string): string =>
  text.replace(/[^ -~]|["&'<>]/gu, (character) => `&#${character.codePointAt(0)};`)

const longest = RequestLine.maxBytes - "GET  HTTP/0.9".length
/** What the request line refuses, and what it resolves to another path. */
const unaskable = /[\p{Cc}\p{Cs}\\/]|^\.{0,2}$/u

// A file may claim to be of any year; those that do not fit into 16 characters are not worth a wider column.
const year10000 = Date.UTC(10_000, 0)

const date = (millis: number | undefined): string =>
  millis === undefined || !(millis >= 0 && millis < year10000)
    ? "-"
    : new Date(millis).toISOString().slice(0, 16).replace("T", " ")
