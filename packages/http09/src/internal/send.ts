/** Documents onto a stream: byte by byte, or as text. Each write waits until the kernel has it. */
import type { NetworkError } from "@effect-sockets/socket/NetworkError"
import * as SocketStream from "@effect-sockets/socket/SocketStream"
import * as Effect from "effect/Effect"
import { type DocumentError, truncated } from "../DocumentError.ts"
import type { Chunked, Document } from "../DocumentRoot.ts"
import { CrLf } from "./CrLf.ts"

type Sending = Effect.Effect<void, NetworkError | DocumentError>

/** The bytes of a document. */
export const sizeOf = (document: Document): number =>
  document._tag === "Whole" ? document.bytes.length : document.size

export const sendBytes = (stream: SocketStream.SocketStream, document: Document): Sending =>
  document._tag === "Chunked"
    ? forEachChunk(document, (chunk) => writeNow(stream, chunk))
    : writeNow(stream, document.bytes)

/** Every line ends with CR LF. `onSize` hears how many bytes that made, before the last of them is written. */
export const sendText = (
  stream: SocketStream.SocketStream,
  document: Document,
  onSize: (size: number) => void
): Sending =>
  Effect.suspend(() => {
    const lines = new CrLf()
    let size = 0
    const write = (bytes: Uint8Array) => {
      size += bytes.length
      return writeNow(stream, bytes)
    }
    const body =
      document._tag === "Whole"
        ? write(lines.push(document.bytes))
        : forEachChunk(document, (chunk) => write(lines.push(chunk)))
    return Effect.andThen(
      body,
      Effect.suspend(() => {
        const end = write(lines.end())
        onSize(size)
        return end
      })
    )
  })

/**
 * As the document's own `forEach`, and fails where that succeeds without having given all: the end of the connection
 * says that the document was whole, so no root is taken at its word.
 */
const forEachChunk = <E>(
  { forEach, name, size }: Chunked,
  f: (chunk: Uint8Array) => Effect.Effect<unknown, E>
): Effect.Effect<void, DocumentError | E> =>
  Effect.suspend(() => {
    let given = 0
    const whole = forEach((chunk) => {
      given += chunk.length
      return f(chunk)
    })
    return Effect.andThen(
      whole,
      Effect.suspend(() => (given === size ? Effect.void : Effect.fail(truncated(name, size, given))))
    )
  })

/**
 * Writes and waits until the kernel has it: a chunk is only lent, and whoever logs a document as sent should be right.
 */
const writeNow = (stream: SocketStream.SocketStream, chunk: Uint8Array) =>
  Effect.andThen(SocketStream.write(stream, chunk), SocketStream.flush(stream))
