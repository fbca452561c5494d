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
import * as Result from "effect/Result"
import * as RequestLine from "./RequestLine.ts"

/** One thing in a folder. */
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
 */
export const maxEntries = 10_000

/**
 * The page for a folder: the names sorted by their characters' codes, folders with a slash at the end, each with its
 * date (UTC) and its size in bytes, and a link to the folder above.
 *
 * `path` is the folder's, with or without the slash at its end. `isWhole` is false if there were more than `maxEntries`.
 */
export const page = (path: string, entries: Iterable<Entry>, isWhole = true): Uint8Array => {
  const folder = path.endsWith("/") ? path : `${path}/`
  const title = `Index of ${escape(folder)}`
  const rows = Array.from(entries, (entry) => ({ ...entry, path: pathOf(folder, entry) }))
    .filter((entry) => canBeAsked(entry.path))
    .sort((a, b) => (a.path < b.path ? -1 : 1))
    .map((entry) => row(date(entry.modified), String(entry.size ?? "-"), entry.path, entry.path.slice(folder.length)))
  const above =
    folder === "/" ? [] : [row("-", "-", folder.slice(0, folder.lastIndexOf("/", folder.length - 2) + 1), "../")]
  const more = isWhole ? "" : `<p>There is more: only ${maxEntries} names were read.</p>\n`
  const html = `<!DOCTYPE html>\n<title>${title}</title>\n<h1>${title}</h1>\n<pre>\n${above.join("")}${rows.join("")}</pre>\n${more}`
  return new TextEncoder().encode(html)
}

const pathOf = (folder: string, { isFolder, name }: Entry): string => `${folder}${name}${isFolder ? "/" : ""}`

/** Dates and sizes come first, where names of any script and width cannot push them aside. */
const row = (date: string, size: string, path: string, name: string): string =>
  `${date.padStart(16)} ${size.padStart(13)}  <a href="${escape(RequestLine.fromPath(path))}">${escape(name)}</a>\n`

const escape = (text: string): string =>
  text.replace(/[^ -~]|["&'<>]/gu, (character) => `&#${character.codePointAt(0)};`)

/** Asked for in the longer of both forms, the path comes out as it is here. */
const canBeAsked = (path: string): boolean => {
  const line = RequestLine.encode(RequestLine.fromPath(path), "book")
  if (Result.isFailure(line)) return false
  const request = RequestLine.decode(new TextEncoder().encode(line.success.slice(0, line.success.indexOf("\r"))))
  return Result.isSuccess(request) && request.success.path === path
}

// A file may claim to be of any year; those that do not fit into 16 characters are not worth a wider column.
const year10000 = Date.UTC(10_000, 0)

const date = (millis: number | undefined): string =>
  millis === undefined || !(millis >= 0 && millis < year10000)
    ? "-"
    : new Date(millis).toISOString().slice(0, 16).replace("T", " ")
