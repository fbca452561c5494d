/**
 * The HTTP/0.9 server: one request line in, one document out, and the end of the connection.
 */
import * as Server from "@effect-sockets/socket/Server"
import * as ServerSocket from "@effect-sockets/socket/ServerSocket"
import type { Network } from "@effect-sockets/socket/Network"
import type { SocketError } from "@effect-sockets/socket/SocketError"
import * as SocketStream from "@effect-sockets/socket/SocketStream"
import * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type * as NetAddress from "effect/net/NetAddress"
import * as Option from "effect/Option"
import * as Result from "effect/Result"
import type * as Scope from "effect/Scope"
import type { DocumentError } from "./DocumentError.ts"
import { type Document, DocumentRoot } from "./DocumentRoot.ts"
import { CrLf } from "./internal/CrLf.ts"
import * as RequestLine from "./RequestLine.ts"
import * as StatusLine from "./StatusLine.ts"

/** What became of a request. A handler tells it once, before it answers. */
export type Event =
  /** The document was found and is sent now. */
  | { readonly _tag: "Serving"; readonly stream: SocketStream.SocketStream; readonly document: Document }
  /** The document is not there and the request is answered with 401. */
  | { readonly _tag: "NotFound"; readonly stream: SocketStream.SocketStream; readonly error: DocumentError }
  /** The line was no request and is answered with 400. */
  | { readonly _tag: "Refused"; readonly stream: SocketStream.SocketStream; readonly refusal: RequestLine.Refusal }

/** How requests are answered. */
export interface HandlerOptions {
  /**
   * Sends documents as text, as the book's server does: every line ended by CR LF, the last one too. Default `false`:
   * documents are sent byte by byte.
   */
  readonly text?: boolean | undefined
  /** Hears of every request, in the connection's fiber. Default: nobody does. */
  readonly observe?: ((event: Event) => Effect.Effect<void>) | undefined
}

/** Answers one connection. */
export type Handler = (
  stream: SocketStream.SocketStream
) => Effect.Effect<void, SocketError | DocumentError, DocumentRoot | Scope.Scope>

/** How a server is run. */
export interface Options extends HandlerOptions, ServerSocket.Options, Server.Options {
  /** What to listen on. A number is a port of 127.0.0.1; 0 takes a free one. */
  readonly address: number | NetAddress.SocketAddress
  /** How long a client may take for its whole request line; then it is reset. Default 15 seconds. */
  readonly readTimeout?: Duration.Input | undefined
}

/**
 * How long a client may take for its request line: for `Server.serve` with `handler`, which reads one line and leaves
 * the time to its server.
 */
export const readTimeout: Duration.Duration = Duration.seconds(15)

const lineFeed = Uint8Array.of(10)
// One more than a line may have, for its CR.
const lineLimit = { maxBytes: RequestLine.maxBytes + 1 }
const empty = new Uint8Array(0)

/**
 * Answers one connection: reads its request line and writes the document, or the line that says why there is none.
 *
 * It succeeds when everything is written, so that `Server` ends the connection with FIN; and fails when the document
 * could not be sent whole, so that `Server` resets it and the client can tell.
 *
 * **Errors**: `SocketError` when the client is gone, silent or stalled; `DocumentError` when reading failed.
 */
export const handler = (options: HandlerOptions = {}): Handler => {
  const answer = answerer(options)
  return (stream) => Effect.flatMap(DocumentRoot, (root) => answer(stream, root))
}

type Answer = Effect.Effect<void, SocketError | DocumentError, Scope.Scope>

/** Few effects and no generator: they are a tenth of what a small document costs. */
const answerer = ({ text = false, observe }: HandlerOptions) => {
  const send = text ? sendText : sendBytes
  const tell = (event: Event, then: Answer): Answer =>
    observe === undefined ? then : Effect.andThen(observe(event), then)

  const refuse = (stream: SocketStream.SocketStream, refusal: RequestLine.Refusal): Answer =>
    tell({ _tag: "Refused", stream, refusal }, SocketStream.write(stream, StatusLine.invalidRequest))

  const serve = (stream: SocketStream.SocketStream, root: DocumentRoot["Service"], path: string): Answer =>
    Effect.matchEffect(root.open(path), {
      onSuccess: (document) => tell({ _tag: "Serving", stream, document }, send(stream, document)),
      onFailure: (error) =>
        error.isNotThere
          ? tell({ _tag: "NotFound", stream, error }, SocketStream.write(stream, StatusLine.notFound))
          : Effect.fail(error)
    })

  // The answer starts when the line is there: nobody waits for the blank line.
  return (stream: SocketStream.SocketStream, root: DocumentRoot["Service"]): Answer =>
    Effect.matchEffect(SocketStream.readUntil(stream, lineFeed, lineLimit), {
      onSuccess: (line) => {
        const request = RequestLine.decode(Option.getOrElse(line, () => empty))
        return Result.isSuccess(request) ? serve(stream, root, request.success.path) : refuse(stream, request.failure)
      },
      onFailure: (error) => (error.reason._tag === "LineTooLong" ? refuse(stream, "TooLong") : Effect.fail(error))
    })
}

const sendBytes = (stream: SocketStream.SocketStream, document: Document): Answer =>
  document._tag === "Whole"
    ? SocketStream.write(stream, document.bytes)
    : document.forEach((chunk) => writeNow(stream, chunk))

/** A chunk is only lent: the kernel must have it before the next is read. */
const writeNow = (stream: SocketStream.SocketStream, chunk: Uint8Array) =>
  Effect.andThen(SocketStream.write(stream, chunk), SocketStream.flush(stream))

const sendText = (stream: SocketStream.SocketStream, document: Document): Answer =>
  Effect.suspend(() => {
    const lines = new CrLf()
    const body =
      document._tag === "Whole"
        ? SocketStream.write(stream, lines.push(document.bytes))
        : document.forEach((chunk) => writeNow(stream, lines.push(chunk)))
    return Effect.andThen(
      body,
      Effect.suspend(() => SocketStream.write(stream, lines.end()))
    )
  })

/** The running server: its `address`, `connections`, `stop` and `await`. */
export class Http09Server extends Context.Service<Http09Server, Server.Server>()(
  "@effect-sockets/http09/Http09Server"
) {}

/**
 * Listens and serves the document root until the layer is released, which is the graceful stop: the port closes at
 * once, downloads get `drainTimeout`, the rest are reset.
 *
 * **Errors**: `AddressInUse`, `PermissionDenied` (a privileged port), `AddressNotAvailable`, `InvalidAddress`.
 */
export const layer = (options: Options): Layer.Layer<Http09Server, SocketError, Network | DocumentRoot> =>
  Layer.effect(
    Http09Server,
    Effect.gen(function* () {
      const limits = { ...options, readTimeout: options.readTimeout ?? readTimeout }
      const root = yield* DocumentRoot
      const answer = answerer(options)
      const socket = yield* ServerSocket.listen(options.address, limits)
      return yield* Server.start(socket, (stream) => answer(stream, root), limits)
    })
  )
