/**
 * Answers one HTTP/0.9 connection: its request line in, the document out. `Http09Server` is the server made of it.
 */
import * as InvalidOption from "@effect-sockets/resolver/InvalidOption"
import * as NetworkError from "@effect-sockets/socket/NetworkError"
import * as SocketStream from "@effect-sockets/socket/SocketStream"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Option from "effect/Option"
import * as Result from "effect/Result"
import type * as Scope from "effect/Scope"
import type { DocumentError } from "./DocumentError.ts"
import { type Document, DocumentRoot } from "./DocumentRoot.ts"
import { errorTexts } from "./ErrorText.ts"
import { requestLine } from "./internal/requestLine.ts"
import { sendBytes, sendText, sizeOf } from "./internal/send.ts"
import * as RequestLine from "./RequestLine.ts"

/**
 * What a request is answered with. A handler tells it once, before it answers.
 *
 * ```ts
 * import * as DocumentRoot from "@effect-sockets/http09/DocumentRoot"
 * import * as Http09Client from "@effect-sockets/http09/Http09Client"
 * import * as Http09Handler from "@effect-sockets/http09/Http09Handler"
 * import * as Http09Server from "@effect-sockets/http09/Http09Server"
 * import * as NodeResolver from "@effect-sockets/resolver/NodeResolver"
 * import * as NodeNetwork from "@effect-sockets/socket/NodeNetwork"
 * import { Effect, Layer } from "effect"
 * import type { InetAddress } from "effect/net/NetAddress"
 * const heard: Array<unknown> = []
 * const observe = (event: Http09Handler.Event) => Effect.sync(() => void heard.push(event._tag === "Refused" ? event.refusal : event._tag))
 * const server = Http09Server.layer({ address: 0, observe }).pipe(
 *   Layer.provide([NodeNetwork.layer, DocumentRoot.layerMemory({ "/hello.txt": "Hello" })])
 * )
 * const client = Layer.provide(Http09Client.layer, [NodeNetwork.layer, NodeResolver.layer])
 * await Effect.gen(function* () {
 *   const port = ((yield* Http09Server.Http09Server).address as InetAddress).port
 *   yield* Effect.ignore(Http09Client.getText({ host: "127.0.0.1", port, path: "/../etc/passwd" }))
 * }).pipe(Effect.provide([server, client]), Effect.runPromise)
 * heard // => ["OutsideRoot", "Ended"]
 * ```
 *
 * @category models
 * @since 0.1.0
 */
export type Answer =
  /** The document was found and is sent now. */
  | { readonly _tag: "Serving"; readonly stream: SocketStream.SocketStream; readonly document: Document }
  /** The document is not there; the client is told so. */
  | { readonly _tag: "NotFound"; readonly stream: SocketStream.SocketStream; readonly error: DocumentError }
  /** The line was no request; the client is told so. */
  | { readonly _tag: "Refused"; readonly stream: SocketStream.SocketStream; readonly refusal: RequestLine.Refusal }

/**
 * How a request ended. A handler tells it once for every line that came, after its answer.
 *
 * ```ts
 * import * as DocumentRoot from "@effect-sockets/http09/DocumentRoot"
 * import * as Http09Client from "@effect-sockets/http09/Http09Client"
 * import * as Http09Handler from "@effect-sockets/http09/Http09Handler"
 * import * as Http09Server from "@effect-sockets/http09/Http09Server"
 * import * as NodeResolver from "@effect-sockets/resolver/NodeResolver"
 * import * as NodeNetwork from "@effect-sockets/socket/NodeNetwork"
 * import { Effect, Layer } from "effect"
 * import type { InetAddress } from "effect/net/NetAddress"
 * const heard: Array<unknown> = []
 * const observe = (event: Http09Handler.Event) => Effect.sync(() => void heard.push(event._tag === "Ended" ? event.bytes : event._tag))
 * const server = Http09Server.layer({ address: 0, observe }).pipe(
 *   Layer.provide([NodeNetwork.layer, DocumentRoot.layerMemory({ "/hello.txt": "Hello" })])
 * )
 * const client = Layer.provide(Http09Client.layer, [NodeNetwork.layer, NodeResolver.layer])
 * await Effect.gen(function* () {
 *   const port = ((yield* Http09Server.Http09Server).address as InetAddress).port
 *   yield* Effect.ignore(Http09Client.getText({ host: "127.0.0.1", port, path: "/hello.txt" }))
 * }).pipe(Effect.provide([server, client]), Effect.runPromise)
 * heard // => ["Serving", 5]
 * ```
 *
 * @category models
 * @since 0.1.0
 */
export interface Ended {
  readonly _tag: "Ended"
  readonly stream: SocketStream.SocketStream
  /** The request line as it came, without its LF; empty if it was too long. */
  readonly line: Uint8Array
  /** When the line was there, in milliseconds since 1970. */
  readonly startedAt: number
  /** When the answer had ended. */
  readonly endedAt: number
  /** What it was answered with; undefined if that never became clear, because the document could not be opened. */
  readonly answer: Answer | undefined
  /** The bytes of the answer that left: all of them after a success. */
  readonly bytes: number
  /** The length of the whole answer, where it is known: not for text that was cut short. */
  readonly size: number | undefined
  /** How the handler ended. A success is a whole answer. */
  readonly exit: Exit.Exit<void, NetworkError.NetworkError | DocumentError>
}

/**
 * What a handler tells. `AccessLog` makes lines of it.
 *
 * ```ts
 * import * as DocumentRoot from "@effect-sockets/http09/DocumentRoot"
 * import * as Http09Client from "@effect-sockets/http09/Http09Client"
 * import * as Http09Handler from "@effect-sockets/http09/Http09Handler"
 * import * as Http09Server from "@effect-sockets/http09/Http09Server"
 * import * as NodeResolver from "@effect-sockets/resolver/NodeResolver"
 * import * as NodeNetwork from "@effect-sockets/socket/NodeNetwork"
 * import { Effect, Layer } from "effect"
 * import type { InetAddress } from "effect/net/NetAddress"
 * const heard: Array<unknown> = []
 * const observe = (event: Http09Handler.Event) => Effect.sync(() => void heard.push(event._tag))
 * const server = Http09Server.layer({ address: 0, observe }).pipe(
 *   Layer.provide([NodeNetwork.layer, DocumentRoot.layerMemory({ "/hello.txt": "Hello" })])
 * )
 * const client = Layer.provide(Http09Client.layer, [NodeNetwork.layer, NodeResolver.layer])
 * await Effect.gen(function* () {
 *   const port = ((yield* Http09Server.Http09Server).address as InetAddress).port
 *   yield* Effect.ignore(Http09Client.getText({ host: "127.0.0.1", port, path: "/nowhere" }))
 * }).pipe(Effect.provide([server, client]), Effect.runPromise)
 * heard // => ["NotFound", "Ended"]
 * ```
 *
 * @category models
 * @since 0.1.0
 */
export type Event = Answer | Ended

/**
 * How requests are answered.
 *
 * ```ts
 * import * as Http09Handler from "@effect-sockets/http09/Http09Handler"
 * const options: Http09Handler.HandlerOptions = { dialect: "1991", maxLineBytes: 1024 }
 * Http09Handler.invalidOption(options) // => undefined
 * ```
 *
 * @category options
 * @since 0.1.0
 */
export interface HandlerOptions {
  /**
   * Sends documents as text, as the book's server does: every line ended by CR LF, the last one too. Default `false`:
   * documents are sent byte by byte.
   */
  readonly text?: boolean | undefined
  /**
   * How errors are told: with the book's status lines (`"book"`, the default), or in short HTML texts (`"1991"`), as
   * the original document asks. Requests are understood in both forms either way.
   */
  readonly dialect?: RequestLine.Dialect | undefined
  /** The longest request line in bytes, without its line end. Default 8,192, what nginx and Apache httpd take. */
  readonly maxLineBytes?: number | undefined
  /** Hears of every request, in the connection's fiber. Default: nobody does. */
  readonly observe?: ((event: Event) => Effect.Effect<void>) | undefined
}

/**
 * Answers one connection.
 *
 * ```ts
 * import * as Http09Handler from "@effect-sockets/http09/Http09Handler"
 * import { Effect } from "effect"
 * const counted: { requests: number } = { requests: 0 }
 * const answer = Http09Handler.handler()
 * const handler: Http09Handler.Handler = (stream) => Effect.andThen(Effect.sync(() => void counted.requests++), answer(stream))
 * ```
 *
 * @category models
 * @since 0.1.0
 */
export type Handler = (
  stream: SocketStream.SocketStream
) => Effect.Effect<void, NetworkError.NetworkError | DocumentError, DocumentRoot | Scope.Scope>

/**
 * How long a client may take for its request line: for `Server.serve` with `handler`, which reads one line and leaves
 * the time to its server.
 *
 * ```ts
 * import * as Http09Handler from "@effect-sockets/http09/Http09Handler"
 * import { Duration } from "effect"
 * Duration.toSeconds(Http09Handler.readTimeout) // => 15
 * ```
 *
 * @category constants
 * @since 0.1.0
 */
export const readTimeout: Duration.Duration = Duration.seconds(15)

/**
 * How long a connection may last: for `Server.serve` with `handler`.
 *
 * ```ts
 * import * as Http09Handler from "@effect-sockets/http09/Http09Handler"
 * import { Duration } from "effect"
 * Duration.toHours(Http09Handler.maxAge) // => 1
 * ```
 *
 * @category constants
 * @since 0.1.0
 */
export const maxAge: Duration.Duration = Duration.hours(1)

const empty = new Uint8Array(0)

/**
 * Answers one connection: reads its request line and writes the document, or the line that says why there is none.
 *
 * It succeeds when everything is written, so that `Server` ends the connection with FIN; and fails when the document
 * could not be sent whole, so that `Server` resets it and the client can tell.
 *
 * **Errors**: `NetworkError` when the client is gone, silent or stalled, and with the reason `InvalidOption` for every
 * connection if an option cannot be meant; `DocumentError` when reading failed.
 *
 * **Interruption**: the document is cut, and the connection is reset when its scope ends.
 *
 * ```ts
 * import * as DocumentRoot from "@effect-sockets/http09/DocumentRoot"
 * import * as Http09Client from "@effect-sockets/http09/Http09Client"
 * import * as Http09Handler from "@effect-sockets/http09/Http09Handler"
 * import * as NodeResolver from "@effect-sockets/resolver/NodeResolver"
 * import * as NodeNetwork from "@effect-sockets/socket/NodeNetwork"
 * import * as Server from "@effect-sockets/socket/Server"
 * import * as ServerSocket from "@effect-sockets/socket/ServerSocket"
 * import { Effect, Layer } from "effect"
 * import type { InetAddress } from "effect/net/NetAddress"
 * const root = DocumentRoot.layerMemory({ "/hello.txt": "Hello" })
 * const client = Layer.provide(Http09Client.layer, [NodeNetwork.layer, NodeResolver.layer])
 * await Effect.gen(function* () {
 *   const socket = yield* ServerSocket.listen(0)
 *   const { readTimeout, maxAge } = Http09Handler
 *   yield* Server.start(socket, Http09Handler.handler({ text: true }), { readTimeout, maxAge })
 *   const { port } = socket.address as InetAddress
 *   yield* Http09Client.getText({ host: "127.0.0.1", port, path: "/hello.txt" }) // => "Hello\r\n"
 * }).pipe(Effect.scoped, Effect.provide([NodeNetwork.layer, root, client]), Effect.runPromise)
 * ```
 *
 * @category constructors
 * @since 0.1.0
 */
export const handler = (options: HandlerOptions = {}): Handler => {
  const answer = answerer(options)
  return (stream) => Effect.flatMap(DocumentRoot, (root) => answer(stream, root))
}

/**
 * As `handler`, over a root that is at hand: nothing is looked up for a connection.
 *
 * ```ts
 * import * as DocumentRoot from "@effect-sockets/http09/DocumentRoot"
 * import * as Http09Client from "@effect-sockets/http09/Http09Client"
 * import * as Http09Handler from "@effect-sockets/http09/Http09Handler"
 * import * as NodeResolver from "@effect-sockets/resolver/NodeResolver"
 * import * as NodeNetwork from "@effect-sockets/socket/NodeNetwork"
 * import * as Server from "@effect-sockets/socket/Server"
 * import * as ServerSocket from "@effect-sockets/socket/ServerSocket"
 * import { Effect, Layer } from "effect"
 * import type { InetAddress } from "effect/net/NetAddress"
 * import * as DocumentError from "@effect-sockets/http09/DocumentError"
 * const root: DocumentRoot.DocumentRoot["Service"] = {
 *   open: (path) => path === "/" ? Effect.succeed({ _tag: "Whole", name: path, bytes: new Uint8Array(3) }) : Effect.fail(DocumentError.notFound(path))
 * }
 * const client = Layer.provide(Http09Client.layer, [NodeNetwork.layer, NodeResolver.layer])
 * await Effect.gen(function* () {
 *   const socket = yield* ServerSocket.listen(0)
 *   yield* Server.start(socket, Http09Handler.handlerFor(root))
 *   const { port } = socket.address as InetAddress
 *   yield* Http09Client.getText({ host: "127.0.0.1", port, path: "/" }) // => "\0\0\0"
 * }).pipe(Effect.scoped, Effect.provide([NodeNetwork.layer, client]), Effect.runPromise)
 * ```
 *
 * @category constructors
 * @since 0.1.0
 */
export const handlerFor = (
  root: DocumentRoot["Service"],
  options: HandlerOptions = {}
): ((
  stream: SocketStream.SocketStream
) => Effect.Effect<void, NetworkError.NetworkError | DocumentError, Scope.Scope>) => {
  const answer = answerer(options)
  return (stream) => answer(stream, root)
}

/**
 * The first of the options that cannot be meant: what a server looks at before it listens.
 *
 * ```ts
 * import * as Http09Handler from "@effect-sockets/http09/Http09Handler"
 * Http09Handler.invalidOption({ maxLineBytes: 0 })?.mustBe // => "an integer of at least 1"
 * ```
 *
 * @category checks
 * @since 0.1.0
 */
export const invalidOption = (options: HandlerOptions): InvalidOption.InvalidOption | undefined =>
  InvalidOption.find<HandlerOptions>(options, {
    text: InvalidOption.boolean,
    dialect: InvalidOption.oneOf("book", "1991"),
    maxLineBytes: InvalidOption.integer(1),
    observe: InvalidOption.callback
  })

type Reply = Effect.Effect<void, NetworkError.NetworkError | DocumentError, Scope.Scope>

/** One connection with its line, and what is known so far of the answer: what `Ended` tells, before it is complete. */
type Exchange = { -readonly [K in keyof Ended]: Ended[K] }

type Answerer = (stream: SocketStream.SocketStream, root: DocumentRoot["Service"]) => Reply

/** Few effects, no generator, and nothing made twice: they are a tenth of what a small document costs. */
const answerer = (options: HandlerOptions): Answerer => {
  const invalid = invalidOption(options)
  if (invalid !== undefined) return (stream) => Effect.fail(NetworkError.make("read", stream.remoteAddress, invalid))
  const { text = false, dialect = "book", maxLineBytes = RequestLine.maxBytes, observe } = options
  const { invalidRequest, notFound } = errorTexts[dialect]
  const lines = requestLine(maxLineBytes)

  const send = (exchange: Exchange, document: Document): Reply =>
    text
      ? sendText(exchange.stream, document, (size) => {
          exchange.size = size
        })
      : sendBytes(exchange.stream, document)

  const tell = (exchange: Exchange, answer: Answer, size: number | undefined, then: Reply): Reply => {
    if (observe === undefined) return then
    exchange.answer = answer
    exchange.size = size
    const told = observe(answer)
    return told === Effect.void ? then : Effect.andThen(told, then)
  }

  const say = (exchange: Exchange, answer: Answer, text: Uint8Array): Reply =>
    tell(exchange, answer, text.length, SocketStream.write(exchange.stream, text))

  const refuse = (exchange: Exchange, refusal: RequestLine.Refusal): Reply =>
    say(exchange, { _tag: "Refused", stream: exchange.stream, refusal }, invalidRequest)

  const serve = (exchange: Exchange, document: Document): Reply => {
    const answer: Answer = { _tag: "Serving", stream: exchange.stream, document }
    return tell(exchange, answer, text ? undefined : sizeOf(document), send(exchange, document))
  }

  const reply = (exchange: Exchange, root: DocumentRoot["Service"]): Reply => {
    const request = RequestLine.decode(exchange.line, maxLineBytes)
    if (Result.isFailure(request)) return refuse(exchange, request.failure)
    const { path } = request.success
    const kept = root.peek?.(path)
    if (kept !== undefined) return serve(exchange, kept)
    return Effect.matchEffect(root.open(path), {
      onSuccess: (document) => serve(exchange, document),
      onFailure: (error) =>
        error.isNotThere
          ? say(exchange, { _tag: "NotFound", stream: exchange.stream, error }, notFound)
          : Effect.fail(error)
    })
  }

  /** Answers, and tells how it ended, too. */
  const answer = (
    stream: SocketStream.SocketStream,
    found: Uint8Array | "TooLong",
    root: DocumentRoot["Service"]
  ): Reply => {
    const isTooLong = found === "TooLong"
    const exchange: Exchange = {
      _tag: "Ended",
      stream,
      line: isTooLong ? empty : found,
      startedAt: 0,
      endedAt: 0,
      answer: undefined,
      bytes: 0,
      size: undefined,
      exit: Exit.void
    }
    const answered = () => (isTooLong ? refuse(exchange, "TooLong") : reply(exchange, root))
    if (observe === undefined) return answered()
    return Effect.clockWith((clock) => {
      exchange.startedAt = clock.currentTimeMillisUnsafe()
      return Effect.onExit(answered(), (exit) => {
        exchange.endedAt = clock.currentTimeMillisUnsafe()
        exchange.bytes = (Exit.isSuccess(exit) ? exchange.size : undefined) ?? stream.bytesWritten
        exchange.exit = exit
        return observe(exchange)
      })
    })
  }

  // The answer starts when the line is there: nobody waits for the blank line.
  return (stream: SocketStream.SocketStream, root: DocumentRoot["Service"]): Reply =>
    SocketStream.withFrame(stream, lines, (line) => answer(stream, Option.isSome(line) ? line.value : empty, root))
}
