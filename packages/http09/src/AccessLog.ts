/**
 * What a server tells of its requests, as lines of a log. Pure.
 *
 * A line holds no control character, whatever a client sent or a file is called: a stranger can forge no other line and
 * move no terminal.
 */
import * as Printable from "@effect-sockets/resolver/Printable"
import { isNetworkError } from "@effect-sockets/socket/NetworkError"
import * as Cause from "effect/Cause"
import * as Exit from "effect/Exit"
import * as NetAddress from "effect/net/NetAddress"
import type { Ended, Event } from "./Http09Handler.ts"

/**
 * How lines look: the book's (`human`), the Common Log Format that log readers know (`common`), or one JSON object each
 * (`json`).
 *
 * ```ts
 * import * as AccessLog from "@effect-sockets/http09/AccessLog"
 * const format: AccessLog.Format = "common"
 * AccessLog.formats.includes(format) // => true
 * ```
 *
 * @category models
 * @since 0.1.0
 */
export type Format = "human" | "common" | "json"

/**
 * The formats' names.
 *
 * ```ts
 * import * as AccessLog from "@effect-sockets/http09/AccessLog"
 * AccessLog.formats.join(", ") // => "human, common, json"
 * ```
 *
 * @category constants
 * @since 0.1.0
 */
export const formats = ["human", "common", "json"] as const satisfies ReadonlyArray<Format>

/**
 * What became of a request, as a number that log readers know. HTTP/0.9 sends none, so these are the log's own:
 *
 * - 200: the document was sent whole
 * - 400: the line was no request
 * - 404: there is no such document (the book's 401 means to log readers that a password is asked for)
 * - 499: the document was cut, because the client left or stalled, or the server stopped (nginx's number)
 * - 500: the document could not be read, or not to its end
 *
 * ```ts
 * import * as AccessLog from "@effect-sockets/http09/AccessLog"
 * const isFault = (status: AccessLog.Status) => status === 500
 * const statuses: ReadonlyArray<AccessLog.Status> = [200, 404, 500]
 * statuses.filter(isFault) // => [500]
 * ```
 *
 * @category models
 * @since 0.1.0
 */
export type Status = 200 | 400 | 404 | 499 | 500

/**
 * The status of a request that ended.
 *
 * ```ts
 * import * as AccessLog from "@effect-sockets/http09/AccessLog"
 * import type { Ended } from "@effect-sockets/http09/Http09Handler"
 * import type { SocketStream } from "@effect-sockets/socket/SocketStream"
 * import { Exit } from "effect"
 * import * as NetAddress from "effect/net/NetAddress"
 * const stream = { remoteAddress: NetAddress.inetAddressFromStringUnsafe("192.0.2.7:50123") } as SocketStream
 * const event: Ended = {
 *   _tag: "Ended", stream, line: new TextEncoder().encode("GET /a HTTP/0.9\r"), startedAt: 0, endedAt: 3,
 *   answer: undefined, bytes: 14, size: 14, exit: Exit.void
 * }
 * AccessLog.status(event) // => 200
 * AccessLog.status({ ...event, exit: Exit.interrupt() }) // => 499
 * AccessLog.status({ ...event, exit: Exit.die("a fault") }) // => 500
 * ```
 *
 * @category getters
 * @since 0.1.0
 */
export const status = ({ answer, exit }: Ended): Status => {
  if (Exit.isSuccess(exit)) return answer === undefined ? 200 : statusOf[answer._tag]
  const error = Cause.squash(exit.cause)
  return Cause.hasInterruptsOnly(exit.cause) || isNetworkError(error) ? 499 : 500
}

const statusOf = { Serving: 200, NotFound: 404, Refused: 400 } as const

/**
 * The line for an event, without its line end, or undefined if this format has none for it. A `human` line for a
 * document that is served is two lines, as in the book.
 *
 * - `human`: a line when the request is there, one for the document it is answered with, and one at the end if not all
 *   of it was sent
 * - `common`: `host - - [date] "request" status bytes`, at the end. The request line is without its version, as servers
 *   log HTTP/0.9; bytes of it that are not printable ASCII, `"` and `\` come as `\xhh`; `-` stands for a line that was
 *   empty or too long, and for no bytes
 * - `json`: `time`, `client`, `request`, `status`, `bytes`, `millis`, and where there are such: `file`, `size`, `error`;
 *   at the end
 *
 * ```ts
 * import * as AccessLog from "@effect-sockets/http09/AccessLog"
 * import type { Ended } from "@effect-sockets/http09/Http09Handler"
 * import type { SocketStream } from "@effect-sockets/socket/SocketStream"
 * import { Exit } from "effect"
 * import * as NetAddress from "effect/net/NetAddress"
 * const stream = { remoteAddress: NetAddress.inetAddressFromStringUnsafe("192.0.2.7:50123") } as SocketStream
 * const event: Ended = {
 *   _tag: "Ended", stream, line: new TextEncoder().encode("GET /a HTTP/0.9\r"), startedAt: 0, endedAt: 3,
 *   answer: undefined, bytes: 14, size: 14, exit: Exit.void
 * }
 * AccessLog.format(event, "common") // => '192.0.2.7 - - [01/Jan/1970:00:00:00 +0000] "GET /a" 200 14'
 * ```
 *
 * @category formatting
 * @since 0.1.0
 */
export const format = (event: Event, format: Format): string | undefined => {
  if (format === "human") return human(event)
  if (event._tag !== "Ended") return undefined
  return format === "common" ? common(event) : json(event)
}

const human = (event: Event): string | undefined => {
  // Nearly all requests end well: nothing is formatted for those.
  if (event._tag === "Ended" && Exit.isSuccess(event.exit)) return undefined
  const client = NetAddress.formatSocketAddress(event.stream.remoteAddress)
  if (event._tag !== "Ended") {
    const received = `> Received request from host ${client}`
    return event._tag === "Serving"
      ? `${received}\n> Serving file ${Printable.escape(event.document.name)}...`
      : received
  }
  const { answer, bytes, exit, size } = event
  const whole = size === undefined ? "" : ` of ${size}`
  const what = answer?._tag === "Serving" ? ` of file ${Printable.escape(answer.document.name)}` : ""
  const reason = Exit.isFailure(exit) ? Printable.escape(why(exit.cause)) : ""
  return `> Sent only ${bytes}${whole} bytes${what} to host ${client}: ${reason}`
}

const common = (event: Ended): string => {
  const { bytes, startedAt, stream } = event
  const request = requestOf(event)
  return `${host(stream.remoteAddress)} - - [${date(startedAt)}] "${request === "" ? "-" : request}" ${status(event)} ${bytes === 0 ? "-" : bytes}`
}

const json = (event: Ended): string => {
  const { answer, bytes, endedAt, exit, line, size, startedAt, stream } = event
  const text = JSON.stringify({
    time: new Date(startedAt).toISOString(),
    client: NetAddress.formatSocketAddress(stream.remoteAddress),
    request: utf8.decode(withoutLineEnd(line)),
    status: status(event),
    bytes,
    millis: endedAt - startedAt,
    file: answer?._tag === "Serving" ? answer.document.name : undefined,
    size,
    error: Exit.isFailure(exit) ? why(exit.cause) : undefined
  })
  return text.replace(/[^ -~]/g, (unit) => `\\u${hex(unit.charCodeAt(0), 4)}`)
}

const utf8 = new TextDecoder("utf-8", { ignoreBOM: true })
const hex = (code: number, digits: number): string => code.toString(16).padStart(digits, "0")

const needsEscape = (byte: number): boolean => byte < 0x20 || byte > 0x7e || byte === 0x22 || byte === 0x5c

const escapeBytes = (bytes: Uint8Array): string => {
  let text = ""
  for (const byte of bytes) text += needsEscape(byte) ? `\\x${hex(byte, 2)}` : String.fromCharCode(byte)
  return text
}

// Windows-1252 to the letter, in which only ASCII bytes are ASCII characters.
const latin1 = new TextDecoder("latin1")
const unescaped = /^[ !#-[\]-~]*$/
const versionAtEnd = / HTTP\/\d+\.\d+$/

/** The request line as the common format has it. Nearly all need no escape: those are not looked at byte by byte. */
const requestOf = (event: Ended): string => {
  const text = latin1.decode(withoutLineEnd(event.line))
  if (!unescaped.test(text)) return escapeBytes(withoutVersion(event))
  return event.answer?._tag === "Refused" ? text : text.replace(versionAtEnd, "")
}

const cr = 13
const withoutLineEnd = (line: Uint8Array): Uint8Array => (line.at(-1) === cr ? line.subarray(0, -1) : line)

const version = /^ HTTP\/\d+\.\d+$/

/** The line as a server of the 1991 dialect would have got it, if it was a request. */
const withoutVersion = ({ answer, line }: Ended): Uint8Array => {
  const whole = withoutLineEnd(line)
  const space = whole.lastIndexOf(0x20)
  const isLong = answer?._tag !== "Refused" && version.test(utf8.decode(whole.subarray(Math.max(space, 0))))
  return isLong ? whole.subarray(0, space) : whole
}

const why = (cause: Cause.Cause<unknown>): string => {
  if (Cause.hasInterruptsOnly(cause)) return "the connection was cut"
  const error = Cause.squash(cause)
  return error instanceof Error ? error.message : String(error)
}

const host = (address: NetAddress.SocketAddress): string =>
  NetAddress.isInetAddress(address) ? NetAddress.formatIp(address.address) : "unix"

const months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]

let lastSecond = NaN
let lastDate = ""

/**
 * `22/Nov/2026:13:44:57 +0000`: always in UTC, so that a line means the same wherever it is read. Made once a second.
 */
const date = (millis: number): string => {
  const second = Math.floor(millis / 1000)
  if (second !== lastSecond) {
    const at = new Date(millis)
    const iso = at.toISOString()
    lastDate = `${iso.slice(8, 10)}/${months[at.getUTCMonth()]}/${at.getUTCFullYear()}:${iso.slice(11, 19)} +0000`
    lastSecond = second
  }
  return lastDate
}
