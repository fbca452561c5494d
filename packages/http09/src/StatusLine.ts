/**
 * The lines with which a server says that there is no document, and how a client tells them from one. Pure.
 */

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text)

/**
 * What a line that is no request gets: `HTTP/0.9 400 Invalid HTTP Request.` CR LF.
 *
 * ```ts
 * import * as StatusLine from "@effect-sockets/http09/StatusLine"
 * new TextDecoder().decode(StatusLine.invalidRequest) // => "HTTP/0.9 400 Invalid HTTP Request.\r\n"
 * ```
 *
 * @category constants
 * @since 0.1.0
 */
export const invalidRequest: Uint8Array = bytes("HTTP/0.9 400 Invalid HTTP Request.\r\n")

/**
 * What a request for a document that is not there gets: `HTTP/0.9 401 Not found.` LF.
 *
 * ```ts
 * import * as StatusLine from "@effect-sockets/http09/StatusLine"
 *
 * new TextDecoder().decode(StatusLine.notFound) // => "HTTP/0.9 401 Not found.\n"
 * ```
 *
 * @category constants
 * @since 0.1.0
 */
export const notFound: Uint8Array = bytes("HTTP/0.9 401 Not found.\n")

/**
 * A status line, of this protocol's servers or of later ones.
 *
 * ```ts
 * import * as StatusLine from "@effect-sockets/http09/StatusLine"
 * const line: StatusLine.StatusLine = { version: "0.9", code: 401, text: "Not found." }
 * StatusLine.decode(StatusLine.notFound, true) // => line
 * ```
 *
 * @category models
 * @since 0.1.0
 */
export interface StatusLine {
  /** The version it names, for example `0.9`. */
  readonly version: string
  /** Three digits, for example 401. */
  readonly code: number
  /** The rest of the line, without control characters. */
  readonly text: string
}

/**
 * How many bytes of an answer `decode` looks at: a longer status line is cut there.
 *
 * ```ts
 * import * as StatusLine from "@effect-sockets/http09/StatusLine"
 * StatusLine.maxBytes // => 512
 * ```
 *
 * @category constants
 * @since 0.1.0
 */
export const maxBytes = 512

const statusLine = /^HTTP\/(\d+\.\d+) (\d{3}) ([^\r\n]*)/
/** What may yet become one. */
const beginning = /^HTTP\/(\d+(\.(\d+( \d{0,3})?)?)?)?$/
const latin1 = new TextDecoder("latin1")

/**
 * What an answer is that starts with these bytes: a status line, a document, or undefined while more bytes must
 * decide. `isWhole` says that no more will come.
 *
 * It is a status line exactly if it starts with `HTTP/`, digits, a dot, digits, a space, three digits and a space:
 * RFC 1945, section 6.1, tells answers of HTTP/1.0 from those of 0.9 so. Bytes that merely begin alike are a document,
 * from the first one on that no status line has there.
 *
 * ```ts
 * import * as StatusLine from "@effect-sockets/http09/StatusLine"
 * const decode = (start: string) => StatusLine.decode(new TextEncoder().encode(start), false)
 * decode("HTTP/1.1 404 Not Found\r\n") // => { version: "1.1", code: 404, text: "Not Found" }
 * decode("HTTP/1.1 40") // => undefined
 * decode("<h1>Hello</h1>") // => "document"
 * ```
 *
 * @category encoding
 * @since 0.1.0
 */
export const decode = (start: Uint8Array, isWhole: boolean): StatusLine | "document" | undefined => {
  const head = latin1.decode(start.subarray(0, maxBytes))
  const isCut = isWhole || head.length === maxBytes
  const match = statusLine.exec(head)
  if (match === null) return !isCut && isBeginning(head) ? undefined : "document"
  const [line, version, code, text] = match
  if (!isCut && line.length === head.length) return undefined
  return { version, code: Number(code), text: text.replace(/\p{Cc}/gu, "").trim() }
}

const isBeginning = (head: string): boolean => "HTTP/".startsWith(head) || beginning.test(head)
