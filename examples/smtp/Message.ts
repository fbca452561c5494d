/** The lines of a message, up to the one that is only a dot. */
import * as SocketStream from "@effect-sockets/socket/SocketStream"
import { Data, Effect, Option } from "effect"

/** Nothing of the message is kept; what else comes on the connection cannot be told from it, so it ends. */
export class Unacceptable extends Data.TaggedError("Unacceptable")<{ readonly reply: string }> {}

const crlf = Uint8Array.of(13, 10)
const dot = 46

/** RFC 5321 allows 1,000 bytes with CR LF, and one dot more. */
const line = { maxBytes: 999, requireDelimiter: true }

/**
 * Only CR LF ends a line. A server that took a lone LF for an end would see two messages where the one before it has seen
 * one (SMTP smuggling), so such a line is refused.
 */
export const read = Effect.fnUntraced(function* (stream: SocketStream.SocketStream, maxBytes: number) {
  const lines: Array<Uint8Array> = []
  let size = 0
  while (true) {
    const next = yield* SocketStream.readUntil(stream, crlf, line)
    if (Option.isNone(next)) return yield* new Unacceptable({ reply: "451 4.3.0 The message has no end" })
    const bytes = next.value
    if (bytes.length === 1 && bytes[0] === dot) return Buffer.concat(lines)
    if (bytes.includes(10) || bytes.includes(13)) {
      return yield* new Unacceptable({ reply: "550 5.6.0 CR and LF come together only" })
    }
    size += bytes.length + 2
    if (size > maxBytes) return yield* new Unacceptable({ reply: "552 5.3.4 The message is too long" })
    lines.push(bytes[0] === dot ? bytes.subarray(1) : bytes, crlf)
  }
})
