/**
 * Why a document could not be got from a server that could be reached.
 */
import * as InvalidOption from "@effect-sockets/resolver/InvalidOption"
import * as Schema from "effect/Schema"
import * as Http09Url from "./Http09Url.ts"
import * as RequestLine from "./RequestLine.ts"

const literals = <K extends string>(table: Readonly<Record<K, string>>) =>
  Schema.Literals(Object.keys(table) as Array<K>)

const deadlines = {
  connect: "no connection",
  firstByte: "no answer",
  idle: "the server has sent nothing more",
  total: "the document has not come whole"
} as const

/**
 * Which deadline passed, by the option that sets it: `connectTimeout`, `firstByteTimeout`, `idleTimeout`, `timeout`.
 *
 * ```ts
 * import * as Http09Error from "@effect-sockets/http09/Http09Error"
 * const deadline: Http09Error.Deadline = "firstByte"
 * new Http09Error.Http09Error({ target: "http://a/", reason: { _tag: "TimedOut", deadline, millis: 5 } }).message // => "get http://a/: no answer after 5 ms"
 * ```
 *
 * @category errors
 * @since 0.1.0
 */
export type Deadline = keyof typeof deadlines

/**
 * Why there is no document.
 *
 * - `InvalidUrl`: what was given is no `http://` URL; nothing was sent
 * - `InvalidPath`: the path cannot be asked for; nothing was sent
 * - `InvalidOption`: an option has a value that cannot be meant; nothing was sent
 * - `StatusLine`: the server answered with a line instead, for example 401 `Not found.`
 * - `TimedOut`: a deadline passed, after `millis`
 * - `InputTooLong`: the document has more than `limit` bytes
 *
 * @category errors
 * @since 0.1.0
 */
export const Reason = Schema.TaggedUnion({
  InvalidUrl: { refusal: literals(Http09Url.refusals) },
  InvalidPath: { refusal: literals(RequestLine.refusals) },
  InvalidOption: { option: Schema.String, value: Schema.String, mustBe: Schema.String },
  StatusLine: { version: Schema.String, code: Schema.Int, text: Schema.String },
  TimedOut: { deadline: literals(deadlines), millis: Schema.Finite },
  InputTooLong: { limit: Schema.Finite }
})

/**
 * Why there is no document.
 *
 * ```ts
 * import * as Http09Error from "@effect-sockets/http09/Http09Error"
 * const reason: Http09Error.Reason = { _tag: "StatusLine", version: "0.9", code: 401, text: "Not found." }
 * new Http09Error.Http09Error({ target: "http://a/", reason }).message // => "get http://a/: the server answered 401 Not found."
 * ```
 *
 * @category errors
 * @since 0.1.0
 */
export type Reason = typeof Reason.Type

const describe = Reason.match({
  InvalidUrl: ({ refusal }) => Http09Url.refusals[refusal],
  InvalidPath: ({ refusal }) => RequestLine.refusals[refusal],
  InvalidOption: InvalidOption.describe,
  StatusLine: ({ version, code, text }) =>
    `the server answered ${code} ${text}${version === "0.9" ? "" : ` in HTTP/${version}`}`,
  TimedOut: ({ deadline, millis }) => `${deadlines[deadline]} after ${millis} ms`,
  InputTooLong: ({ limit }) => `the document is longer than ${limit} bytes`
})

const longest = 300

/**
 * No document came, or not all of it. `message` is one line that names it.
 *
 * ```ts
 * import * as Http09Error from "@effect-sockets/http09/Http09Error"
 * const error = new Http09Error.Http09Error({ target: "ftp://a/", reason: { _tag: "InvalidUrl", refusal: "Scheme" } })
 * error.message // => "get ftp://a/: it does not start with http://"
 * error.isRetryable // => false
 * ```
 *
 * @category errors
 * @since 0.1.0
 */
export class Http09Error extends Schema.TaggedError<Http09Error>()("Http09Error", {
  /** What was asked for, as it was given: a URL, or `path from host:port`. */
  target: Schema.String,
  reason: Reason,
  /** For a `connect` deadline the `NetworkError` that lists the addresses tried. */
  cause: Schema.optionalKey(Schema.Defect())
}) {
  override get message(): string {
    const target = this.target.length > longest ? `${this.target.slice(0, longest)}…` : this.target
    return `get ${target.replace(/\p{Cc}/gu, "?")}: ${describe(this.reason)}`
  }

  /** Whether the same request may succeed later, with nothing changed on this side: after a deadline. */
  get isRetryable(): boolean {
    return this.reason._tag === "TimedOut"
  }
}
