/**
 * The request line of HTTP/0.9, both ways: bytes to a document's path, and a path to bytes. Pure.
 *
 * Two dialects are spoken. `1991` is the original, `GET /path`; `book` is the long form `GET /path HTTP/0.9`, which
 * browsers and curl send as well, with a version of their own.
 */
import * as Result from "effect/Result"

/**
 * Which form a request line has: `GET /path` (1991) or `GET /path HTTP/x.y` (book).
 *
 * ```ts
 * import * as RequestLine from "@effect-sockets/http09/RequestLine"
 * import { Result } from "effect"
 * const dialect: RequestLine.Dialect = "1991"
 * RequestLine.encode("/a", dialect) // => Result.succeed("GET /a\r\n")
 * ```
 *
 * @category models
 * @since 0.1.0
 */
export type Dialect = "1991" | "book"

/**
 * What a request line asks for.
 *
 * ```ts
 * import * as RequestLine from "@effect-sockets/http09/RequestLine"
 * import { Result } from "effect"
 * const request: RequestLine.Request = { dialect: "book", path: "/a b" }
 * RequestLine.decode(new TextEncoder().encode("GET /a%20b HTTP/0.9")) // => Result.succeed(request)
 * ```
 *
 * @category models
 * @since 0.1.0
 */
export interface Request {
  readonly dialect: Dialect
  /**
   * The document: starts with `/`, decoded, with neither query, empty, `.` nor `..` segments, control characters nor
   * backslashes. A `/` at the end says that a folder was asked for.
   */
  readonly path: string
}

/**
 * The longest request line in bytes, without its line end: 8,192, what nginx and Apache httpd take.
 *
 * ```ts
 * import * as RequestLine from "@effect-sockets/http09/RequestLine"
 * import { Result } from "effect"
 * RequestLine.decode(new Uint8Array(RequestLine.maxBytes + 1)) // => Result.fail("TooLong")
 * ```
 *
 * @category constants
 * @since 0.1.0
 */
export const maxBytes = 8192

/**
 * Why a line is refused, each in words for a log.
 *
 * ```ts
 * import * as RequestLine from "@effect-sockets/http09/RequestLine"
 * RequestLine.refusals.OutsideRoot // => "the path leads out of the root"
 * ```
 *
 * @category errors
 * @since 0.1.0
 */
export const refusals = {
  TooLong: "the line is too long",
  NotText: "the line is not UTF-8",
  ControlCharacter: "a control character",
  NotGet: "the line does not start with GET and one space",
  Space: "a space in the path without HTTP/x.y after it",
  NoPath: "what is asked for is neither a path from / nor an http:// address",
  Escape: "a percent escape that is not two hexadecimal digits, or not UTF-8",
  Backslash: "a backslash",
  OutsideRoot: "the path leads out of the root"
} as const

/**
 * Why a line is refused.
 *
 * ```ts
 * import * as RequestLine from "@effect-sockets/http09/RequestLine"
 * const explain = (refusal: RequestLine.Refusal) => `400: ${RequestLine.refusals[refusal]}`
 * explain("Backslash") // => "400: a backslash"
 * ```
 *
 * @category errors
 * @since 0.1.0
 */
export type Refusal = keyof typeof refusals

// Fatal, so that overlong forms and surrogates are refused; a byte order mark is a character like any other.
const utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true })
const control = /\p{Cc}/u
const version = /^ HTTP\/\d+\.\d+$/
const absolute = /^http:\/\/([^/?#]*)/i
// RFC 3986, section 3.2: user information, then a name or an address, then a port. The host is not empty (RFC 9110).
const authority = /^(?:[\w.~!$&'()*+,;=:%-]*@)?(?:\[[\da-f:.]+\]|[\w.~!$&'()*+,;=%-]+)(?::\d*)?$/i

const carriageReturn = 13

/**
 * What the line asks for. The line comes without its LF; a CR at its end is dropped.
 *
 * Takes `GET path` and `GET path HTTP/x.y`. In the long form the path reaches to the last space, so it may hold
 * spaces. The path starts with `/` or is an `http://` address, whose path counts. Query and fragment are dropped,
 * percent escapes decoded once, `//` is `/`, and dot segments are resolved.
 *
 * **Errors**: a `Refusal` for every other line; `TooLong` for one of more than `limit` bytes (default `maxBytes`).
 *
 * ```ts
 * import * as RequestLine from "@effect-sockets/http09/RequestLine"
 * import { Result } from "effect"
 * const decode = (line: string) => RequestLine.decode(new TextEncoder().encode(line))
 * decode("GET //a/./b/../c?query\r") // => Result.succeed({ dialect: "1991", path: "/a/c" })
 * decode("GET /../etc/passwd HTTP/1.0") // => Result.fail("OutsideRoot")
 * ```
 *
 * @category encoding
 * @since 0.1.0
 */
export const decode = (line: Uint8Array, limit: number = maxBytes): Result.Result<Request, Refusal> => {
  const end = line.length > 0 && line[line.length - 1] === carriageReturn ? line.length - 1 : line.length
  if (end > limit) return Result.fail("TooLong")
  const text = attempt(() => utf8.decode(end === line.length ? line : line.subarray(0, end)))
  if (text === undefined) return Result.fail("NotText")
  if (control.test(text)) return Result.fail("ControlCharacter")
  if (!text.startsWith("GET ")) return Result.fail("NotGet")

  const space = text.lastIndexOf(" HTTP/")
  const book = space > 3 && version.test(text.slice(space))
  const target = book ? text.slice(4, space) : text.slice(4)
  if (!book && target.includes(" ")) return Result.fail("Space")

  const host = absolute.exec(target)
  if (host === null ? !target.startsWith("/") : !authority.test(host[1])) return Result.fail("NoPath")
  const rest = host === null ? target : target.slice(host[0].length)
  const cut = rest.search(/[?#]/)
  const raw = cut === -1 ? rest : rest.slice(0, cut)

  const decoded = raw.includes("%") ? attempt(() => decodeURIComponent(raw)) : raw
  if (decoded === undefined) return Result.fail("Escape")
  if (control.test(decoded)) return Result.fail("ControlCharacter")
  if (decoded.includes("\\")) return Result.fail("Backslash")
  const path = resolve(decoded)
  return path === undefined ? Result.fail("OutsideRoot") : Result.succeed({ dialect: book ? "book" : "1991", path })
}

const attempt = (f: () => string): string | undefined => {
  try {
    return f()
  } catch {
    return undefined
  }
}

const resolve = (path: string): string | undefined => {
  if (path === "") return "/"
  if (!path.includes("//") && !path.includes("/.")) return path
  const segments = path.split("/")
  const kept: Array<string> = []
  for (const segment of segments) {
    if (segment === "..") {
      if (kept.pop() === undefined) return undefined
    } else if (segment !== "" && segment !== ".") kept.push(segment)
  }
  const isFolder = ["", ".", ".."].includes(segments[segments.length - 1])
  return kept.length === 0 ? "/" : `/${kept.join("/")}${isFolder ? "/" : ""}`
}

/**
 * The bytes of a request, as ASCII text with its line end: `GET target` CR LF in the 1991 dialect, and in the book's
 * `GET target HTTP/0.9` CR LF with the blank line that servers of later versions wait for.
 *
 * The target is what a person types: escapes in it stay, characters that may not stand in a line are escaped, a
 * fragment is dropped.
 *
 * **Errors**: `NoPath` for a target that does not start with `/` or `http://`, `TooLong` for one that no server takes.
 *
 * ```ts
 * import * as RequestLine from "@effect-sockets/http09/RequestLine"
 * import { Result } from "effect"
 * RequestLine.encode("/a b", "book") // => Result.succeed("GET /a%20b HTTP/0.9\r\n\r\n")
 * RequestLine.encode("a", "1991") // => Result.fail("NoPath")
 * ```
 *
 * @category encoding
 * @since 0.1.0
 */
export const encode = (target: string, dialect: Dialect): Result.Result<string, Refusal> => {
  if (!target.startsWith("/") && !absolute.test(target)) return Result.fail("NoPath")
  const escaped = target.toWellFormed().replace(/#.*$/su, "").replace(unsafe, encodeURIComponent)
  const line = dialect === "book" ? `GET ${escaped} HTTP/0.9` : `GET ${escaped}`
  if (line.length > maxBytes) return Result.fail("TooLong")
  return Result.succeed(dialect === "book" ? `${line}\r\n\r\n` : `${line}\r\n`)
}

const unsafe = /[^!-~]|["<>\\^`{|}]/gu

/**
 * A document's path as a target: each segment escaped, so that `decode` gives the same path back.
 *
 * ```ts
 * import * as RequestLine from "@effect-sockets/http09/RequestLine"
 * RequestLine.fromPath("/100% café") // => "/100%25%20caf%C3%A9"
 * ```
 *
 * @category encoding
 * @since 0.1.0
 */
export const fromPath = (path: string): string => path.toWellFormed().split("/").map(encodeURIComponent).join("/")
