/**
 * Why a document could not be got from a server that was reached.
 */
import * as Schema from "effect/Schema"
import * as RequestLine from "./RequestLine.ts"

/**
 * Why there is no document.
 *
 * - `InvalidPath`: the path cannot be asked for; nothing was sent
 * - `StatusLine`: the server answered with a line instead, for example 401 `Not found.`
 */
export const Reason = Schema.TaggedUnion({
  InvalidPath: { refusal: Schema.Literals(Object.keys(RequestLine.refusals) as Array<RequestLine.Refusal>) },
  StatusLine: { version: Schema.String, code: Schema.Int, text: Schema.String }
})

/** Why there is no document. */
export type Reason = typeof Reason.Type

const describe = Reason.match({
  InvalidPath: ({ refusal }) => RequestLine.refusals[refusal],
  StatusLine: ({ version, code, text }) =>
    `the server answered ${code} ${text}${version === "0.9" ? "" : ` in HTTP/${version}`}`
})

/** No document came. `message` is one line that names the server and the path. */
export class Http09Error extends Schema.TaggedError<Http09Error>()("Http09Error", {
  /** The server, as `host:port`. */
  server: Schema.String,
  /** What was asked for, as it was given. */
  path: Schema.String,
  reason: Reason
}) {
  override get message(): string {
    return `get ${this.path.replace(/\p{Cc}/gu, "?")} from ${this.server}: ${describe(this.reason)}`
  }
}
