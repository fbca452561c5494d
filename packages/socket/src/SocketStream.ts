/**
 * One end of an open connection: read bytes and lines, write them, close.
 *
 * **Interruption**: an interrupted read loses no byte, the next read goes on where it was. An interrupted write has sent
 * nothing if it still waited for room, and everything otherwise. An interrupted `open` leaves no connection.
 *
 * The file is long by its documentation: more than thirty operations, each with its contract and an example, and
 * little more than a line of code over `StreamState`.
 */
// oxlint-disable max-lines -- see above
import * as Arr from "effect/Array"
import * as Cause from "effect/Cause"
import type * as Context from "effect/Context"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import { dual } from "effect/Function"
import * as NetAddress from "effect/net/NetAddress"
import * as Option from "effect/Option"
import * as Predicate from "effect/Predicate"
import * as Result from "effect/Result"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import * as InvalidOption from "@effect-sockets/resolver/InvalidOption"
import type { HostInput, Resolver } from "@effect-sockets/resolver/Resolver"
import type * as Codec from "./Codec.ts"
import type { Connection, SecureConnection, SocketOptions } from "./Connection.ts"
import * as Decoder from "./Decoder.ts"
import { connect, type RaceOptions } from "./internal/client/ConnectRace.ts"
import { label, type Target } from "./internal/client/Target.ts"
import { countFailure } from "./internal/countFailure.ts"
import { copy as copyStream } from "./internal/stream/copy.ts"
import { Drive } from "./internal/stream/Driver.ts"
import * as Reads from "./internal/stream/Reads.ts"
import { relay as relayStreams } from "./internal/stream/relay.ts"
import { scoped } from "./internal/stream/scoped.ts"
import { checks, limitsFrom, type Options } from "./internal/stream/StreamOptions.ts"
import { startTls } from "./internal/stream/startTls.ts"
import { Step } from "./internal/stream/Step.ts"
import { StreamState } from "./internal/stream/StreamState.ts"
import { socketChecks } from "./internal/socketChecks.ts"
import * as spans from "./internal/spans.ts"
import { TypeId } from "./internal/typeId.ts"
import type { Network } from "./Network.ts"
import { make as makeError, type NetworkError, type Reason } from "./NetworkError.ts"
import { client as clientMetrics } from "./SocketMetrics.ts"
import type * as Tls from "./Tls.ts"

export type {
  /** The limits of one stream. */
  Options
}

/**
 * One end of an open connection.
 *
 * ```ts
 * import * as SocketStream from "@effect-sockets/socket/SocketStream"
 * import * as SocketPair from "@effect-sockets/socket/testing/SocketPair"
 * import { Effect } from "effect"
 * import * as NetAddress from "effect/net/NetAddress"
 * const peer = (stream: SocketStream.SocketStream) => NetAddress.formatSocketAddress(stream.remoteAddress)
 * const program = Effect.map(SocketPair.make(), ([, server]) => peer(server))
 * await Effect.runPromise(Effect.scoped(program)) // => "127.0.0.1:49153"
 * ```
 *
 * @category models
 * @since 0.1.0
 */
export interface SocketStream {
  readonly [TypeId]: typeof TypeId
  /** This end's address. */
  readonly localAddress: NetAddress.SocketAddress
  /** The peer's address. */
  readonly remoteAddress: NetAddress.SocketAddress
  /** Bytes of the peer that have come so far, read or not. */
  readonly bytesRead: number
  /** Bytes that the kernel has taken so far, in steps of up to 256 KiB. */
  readonly bytesWritten: number
}

/**
 * Whether a value is a `SocketStream`.
 *
 * ```ts
 * import * as SocketStream from "@effect-sockets/socket/SocketStream"
 * SocketStream.isSocketStream({ remoteAddress: "127.0.0.1:80" }) // => false
 * ```
 *
 * @category guards
 * @since 0.1.0
 */
export const isSocketStream = (u: unknown): u is SocketStream =>
  u instanceof StreamState || Predicate.hasProperty(u, TypeId)

const stateOf = (self: SocketStream): StreamState => self as StreamState

/**
 * How a connection is opened.
 *
 * ```ts
 * import * as Resolver from "@effect-sockets/resolver/Resolver"
 * import * as MemoryNetwork from "@effect-sockets/socket/MemoryNetwork"
 * import * as SocketStream from "@effect-sockets/socket/SocketStream"
 * import { Effect } from "effect"
 * const options: SocketStream.OpenOptions = { connectTimeout: "5 seconds", readTimeout: "30 seconds", maxAge: -1 }
 * const open = SocketStream.open("127.0.0.1", 80, options).pipe(Effect.scoped, Effect.provide([MemoryNetwork.layer(), Resolver.layerStatic({})]))
 * const { reason } = await Effect.runPromise(Effect.flip(open))
 * reason._tag // => "InvalidOption"
 * ```
 *
 * @category options
 * @since 0.1.0
 */
export interface OpenOptions extends Options, RaceOptions {
  /** Take a TLS handshake on the new connection, as its client. `servername` is the host unless it says otherwise. */
  readonly tls?: Tls.ClientOptions | undefined
}

/**
 * Opens a connection: to a name (`"localhost"`), an address as text (`"127.0.0.1"`, `"::1"`), an ipaddr (2130706433) or
 * an address value, with a port from 1 to 65535; or to a whole socket address, which needs no `Resolver`. Names go through `Resolver`; several
 * addresses are raced by RFC 8305: the next attempt starts after `attemptDelay` or as soon as the one before failed,
 * the first connection wins, the others are closed.
 *
 * The scope owns the stream: closed with success it ends with FIN (see `close`), closed otherwise with RST.
 *
 * Where the program has a tracer it is a span, with the lookup, each attempt and the handshake below it. `SocketMetrics.client`
 * counts.
 *
 * **Errors**: the reason of the last attempt, with `attempts` listing every address tried; `Resolution` for a name that
 * cannot be resolved; `TimedOut` after `connectTimeout`; `PermissionDenied` where `access` allows no address;
 * `InvalidAddress`.
 * **Interruption** closes every attempt.
 *
 * ```ts
 * import * as Resolver from "@effect-sockets/resolver/Resolver"
 * import * as MemoryNetwork from "@effect-sockets/socket/MemoryNetwork"
 * import * as Server from "@effect-sockets/socket/Server"
 * import * as ServerSocket from "@effect-sockets/socket/ServerSocket"
 * import * as SocketStream from "@effect-sockets/socket/SocketStream"
 * import { Effect, Option } from "effect"
 * const program = Effect.gen(function* () {
 *   yield* Effect.flatMap(ServerSocket.listen(80), Server.start(SocketStream.writeLine("hello")))
 *   const stream = yield* SocketStream.open("server.test", 80, { connectTimeout: "5 seconds" })
 *   return yield* SocketStream.readLine(stream)
 * })
 * const scoped = program.pipe(Effect.scoped, Effect.provide([MemoryNetwork.layer(), Resolver.layerStatic({ hosts: { "server.test": ["127.0.0.1"] } })]))
 * await Effect.runPromise(scoped) // => Option.some("hello")
 * ```
 *
 * @category constructors
 * @since 0.1.0
 */
export const open: {
  (
    host: HostInput,
    port: number,
    options?: OpenOptions
  ): Effect.Effect<SocketStream, NetworkError, Network | Resolver | Scope.Scope>
  (
    address: NetAddress.SocketAddress,
    options?: OpenOptions
  ): Effect.Effect<SocketStream, NetworkError, Network | Scope.Scope>
} = (
  target: HostInput | NetAddress.SocketAddress,
  second?: number | OpenOptions,
  third?: OpenOptions
): Effect.Effect<SocketStream, NetworkError, Network | Scope.Scope> => {
  if (NetAddress.isSocketAddress(target)) return opening(target, (second as OpenOptions | undefined) ?? {})
  return opening({ host: target, port: second as number }, third ?? {})
}

/** The resolver is asked for hosts only, as the overloads of `open` say. */
const opening = (
  target: Target,
  options: OpenOptions
): Effect.Effect<SocketStream, NetworkError, Network | Scope.Scope> => {
  const opened = options.tls === undefined ? connect(target, options) : openingTls(target, options, options.tls)
  return Effect.withFiber((fiber) => (spans.isTraced(fiber.context) ? spans.open(target, opened) : opened))
}

const openingTls = (
  target: Target,
  options: OpenOptions,
  tls: Tls.ClientOptions
): Effect.Effect<SocketStream, NetworkError, Network | Scope.Scope> => {
  const invalid = InvalidOption.find(tls, {}, "tls.")
  if (invalid !== undefined) return Effect.fail(makeError("open", label(target), invalid))
  const host = "host" in target && typeof target.host === "string" ? target.host : undefined
  const client = { ...tls, servername: tls.servername ?? host }
  return Effect.uninterruptibleMask((restore) =>
    Effect.tap(restore(connect(target, options)), (stream) =>
      restore(upgradeTls(stream, { side: "client", options: client }))
    )
  )
}

/**
 * Changes options of an open socket; those that are left out stay as they are. Unix-domain sockets ignore them all.
 *
 * **Errors**: `InvalidOption`; `Closed` and what broke the connection; `Unsupported` where this network or this version
 * of Node lacks one: none is changed then.
 * **Interruption**: it is done at once, or was not begun.
 *
 * ```ts
 * import { Effect } from "effect"
 * import * as NodeNetwork from "@effect-sockets/socket/NodeNetwork"
 * import { Network } from "@effect-sockets/socket/Network"
 * import * as ServerSocket from "@effect-sockets/socket/ServerSocket"
 * import * as SocketStream from "@effect-sockets/socket/SocketStream"
 * const program = Effect.gen(function* () {
 *   const { address } = yield* ServerSocket.listen(0)
 *   const stream = yield* Effect.flatMap(Network.use((network) => network.connect(address)), SocketStream.make)
 *   yield* SocketStream.configure(stream, { keepAlive: "1 minute", noDelay: false })
 *   return (yield* Effect.flip(SocketStream.configure(stream, { keepAlive: "never" as "1 minute" }))).reason._tag
 * })
 * await Effect.runPromise(program.pipe(Effect.scoped, Effect.provide(NodeNetwork.layer))) // => "InvalidOption"
 * ```
 *
 * @category configuring
 * @since 0.1.0
 */
export const configure: {
  (options: SocketOptions): (self: SocketStream) => Effect.Effect<void, NetworkError>
  (self: SocketStream, options: SocketOptions): Effect.Effect<void, NetworkError>
} = dual(2, (self: SocketStream, options: SocketOptions): Effect.Effect<void, NetworkError> =>
  Effect.suspend(() => {
    const stream = stateOf(self)
    const closed = stream.goneError("configure")
    if (closed !== undefined) return Effect.fail(closed)
    const reason = InvalidOption.find(options, socketChecks) ?? change(stream.connection, options)
    return reason === undefined ? Effect.void : Effect.fail(stream.error("configure", reason))
  })
)

const change = (connection: Connection, options: SocketOptions): Reason | undefined =>
  connection.configure === undefined
    ? { _tag: "Unsupported", detail: "options of sockets on this network" }
    : Result.getOrUndefined(Result.flip(connection.configure(options)))

/**
 * A stream over a connection of a transport. The scope owns it: closed with success the stream ends with FIN, closed
 * otherwise with RST.
 *
 * **Errors**: `InvalidOption`; the connection is reset then.
 *
 * ```ts
 * import * as MemoryNetwork from "@effect-sockets/socket/MemoryNetwork"
 * import { Network } from "@effect-sockets/socket/Network"
 * import * as Server from "@effect-sockets/socket/Server"
 * import * as ServerSocket from "@effect-sockets/socket/ServerSocket"
 * import * as SocketStream from "@effect-sockets/socket/SocketStream"
 * import { Effect, Option } from "effect"
 * const program = Effect.gen(function* () {
 *   const socket = yield* ServerSocket.listen(80)
 *   yield* Server.start(socket, SocketStream.writeLine("hello"))
 *   const connection = yield* Network.use((network) => network.connect(socket.address))
 *   return yield* Effect.flatMap(SocketStream.make(connection), SocketStream.readLine)
 * })
 * await Effect.runPromise(program.pipe(Effect.scoped, Effect.provide(MemoryNetwork.layer()))) // => Option.some("hello")
 * ```
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = (
  connection: Connection,
  options: Options = {}
): Effect.Effect<SocketStream, NetworkError, Scope.Scope> =>
  Effect.uninterruptible(
    Effect.flatMap(Effect.scope, (scope) => {
      const invalid = InvalidOption.find(options, checks)
      if (invalid === undefined) return scoped(new StreamState(connection, limitsFrom(options)), scope)
      connection.reset()
      return Effect.fail(makeError("open", connection.remoteAddress, invalid))
    })
  )

// Reading ------------------------------------------------------------------------------------------------------------

/**
 * The next bytes as they came, or none at the end of input (the peer's FIN).
 *
 * The array is the caller's. Its `buffer` is shared with others if it is small, as those of Node's Buffers are: mind
 * `byteOffset`, and copy it to transfer it to a worker.
 *
 * Concurrent reads of one stream wait in line.
 *
 * **Errors**: `ConnectionReset` after what came before the reset was read; `TimedOut` after `readTimeout`; `Closed`.
 * **Interruption** loses no byte: the next read goes on.
 *
 * ```ts
 * import * as SocketStream from "@effect-sockets/socket/SocketStream"
 * import * as SocketPair from "@effect-sockets/socket/testing/SocketPair"
 * import { Effect, Option } from "effect"
 * const program = Effect.gen(function* () {
 *   const [client, server] = yield* SocketPair.make()
 *   yield* SocketStream.write(client, Uint8Array.of(1, 2, 3))
 *   yield* SocketStream.endWrite(client)
 *   return [yield* SocketStream.read(server), yield* SocketStream.read(server)]
 * })
 * await Effect.runPromise(Effect.scoped(program)) // => [Option.some(Uint8Array.of(1, 2, 3)), Option.none()]
 * ```
 *
 * @category reading
 * @since 0.1.0
 */
export const read = (self: SocketStream): Effect.Effect<Option.Option<Uint8Array>, NetworkError> =>
  stateOf(self).read(Reads.chunk)

/**
 * As `read`, into a buffer of the caller's: the part of it that was filled, or none at the end of input. For bulk input:
 * a read makes no array of its own.
 *
 * A buffer without room gets an empty part.
 *
 * **Errors** as `read`. **Interruption** loses no byte: the next read goes on.
 *
 * ```ts
 * import * as SocketStream from "@effect-sockets/socket/SocketStream"
 * import * as SocketPair from "@effect-sockets/socket/testing/SocketPair"
 * import { Effect, Option } from "effect"
 * const program = Effect.gen(function* () {
 *   const [client, server] = yield* SocketPair.make()
 *   const buffer = new Uint8Array(65_536)
 *   yield* SocketStream.write(client, Uint8Array.of(1, 2, 3))
 *   const part = yield* SocketStream.readInto(server, buffer)
 *   return Option.map(part, ({ buffer, length }) => [buffer.byteLength, length])
 * })
 * await Effect.runPromise(Effect.scoped(program)) // => Option.some([65_536, 3])
 * ```
 *
 * @category reading
 * @since 0.1.0
 */
export const readInto: {
  (buffer: Uint8Array): (self: SocketStream) => Effect.Effect<Option.Option<Uint8Array>, NetworkError>
  (self: SocketStream, buffer: Uint8Array): Effect.Effect<Option.Option<Uint8Array>, NetworkError>
} = dual(2, (self: SocketStream, buffer: Uint8Array) => stateOf(self).read(Reads.chunkInto(buffer)))

/**
 * Exactly `count` bytes, an integer of at least 0.
 *
 * **Errors**: `UnexpectedEof` if the input ends before, saying how much came; those bytes stay readable.
 * **Interruption** loses no byte: the next read goes on.
 *
 * ```ts
 * import * as SocketStream from "@effect-sockets/socket/SocketStream"
 * import * as SocketPair from "@effect-sockets/socket/testing/SocketPair"
 * import { Effect } from "effect"
 * const program = Effect.gen(function* () {
 *   const [client, server] = yield* SocketPair.make()
 *   yield* SocketStream.write(client, Uint8Array.of(1, 2, 3))
 *   yield* SocketStream.endWrite(client)
 *   const first = yield* SocketStream.readExactly(server, 2)
 *   const { reason } = yield* Effect.flip(SocketStream.readExactly(server, 2))
 *   return [first, reason]
 * })
 * await Effect.runPromise(Effect.scoped(program)) // => [Uint8Array.of(1, 2), { _tag: "UnexpectedEof", expected: 2, received: 1 }]
 * ```
 *
 * @category reading
 * @since 0.1.0
 */
export const readExactly: {
  (count: number): (self: SocketStream) => Effect.Effect<Uint8Array, NetworkError>
  (self: SocketStream, count: number): Effect.Effect<Uint8Array, NetworkError>
} = dual(2, (self: SocketStream, count: number) => stateOf(self).read(Reads.exactly(count)))

/**
 * How far a delimited read looks, and whether the delimiter must be there: `Codec.DelimitedOptions`.
 *
 * ```ts
 * import * as SocketStream from "@effect-sockets/socket/SocketStream"
 * import * as SocketPair from "@effect-sockets/socket/testing/SocketPair"
 * import { Effect } from "effect"
 * const program = Effect.gen(function* () {
 *   const [client, server] = yield* SocketPair.make()
 *   const options: SocketStream.DelimitedOptions = { maxBytes: 3 }
 *   yield* SocketStream.writeLine(client, "longer")
 *   return (yield* Effect.flip(SocketStream.readLine(server, options))).reason
 * })
 * await Effect.runPromise(Effect.scoped(program)) // => { _tag: "LineTooLong", limit: 3 }
 * ```
 *
 * @category options
 * @since 0.1.0
 */
export type DelimitedOptions = Codec.DelimitedOptions

/**
 * The bytes before the next `delimiter` (at least one byte), which is taken too. At the end of input the rest, then
 * none.
 *
 * **Errors**: `LineTooLong` if more than `maxBytes` come before it; `UnexpectedEof` for a rest, where `requireDelimiter`
 * says so. What came stays readable, in constant memory.
 * **Interruption** loses no byte: the next read goes on.
 *
 * ```ts
 * import * as SocketStream from "@effect-sockets/socket/SocketStream"
 * import * as SocketPair from "@effect-sockets/socket/testing/SocketPair"
 * import { Effect, Option } from "effect"
 * const program = Effect.gen(function* () {
 *   const [client, server] = yield* SocketPair.make()
 *   yield* SocketStream.write(client, Uint8Array.of(7, 8, 0, 9))
 *   return yield* SocketStream.readUntil(server, Uint8Array.of(0), { maxBytes: 80 })
 * })
 * await Effect.runPromise(Effect.scoped(program)) // => Option.some(Uint8Array.of(7, 8))
 * ```
 *
 * @category reading
 * @since 0.1.0
 */
export const readUntil: {
  (
    delimiter: Uint8Array,
    options?: DelimitedOptions
  ): (self: SocketStream) => Effect.Effect<Option.Option<Uint8Array>, NetworkError>
  (
    self: SocketStream,
    delimiter: Uint8Array,
    options?: DelimitedOptions
  ): Effect.Effect<Option.Option<Uint8Array>, NetworkError>
} = dual(
  (args) => isSocketStream(args[0]),
  (self: SocketStream, delimiter: Uint8Array, options?: DelimitedOptions) =>
    stateOf(self).read(Reads.until(delimiter, options))
)

/**
 * The next line as UTF-8 text, without its LF or CR LF; the last line may lack either. None at the end of input.
 * Bytes that are not UTF-8 come out as U+FFFD: use `readUntil` where that matters.
 *
 * **Errors**: `LineTooLong` if the line has more than `maxBytes`; `UnexpectedEof` for a last line that has no end, where
 * `requireDelimiter` says so. What came stays readable, in constant memory.
 * **Interruption** loses no byte: the next read goes on.
 *
 * ```ts
 * import * as SocketStream from "@effect-sockets/socket/SocketStream"
 * import * as SocketPair from "@effect-sockets/socket/testing/SocketPair"
 * import { Effect, Option } from "effect"
 * const program = Effect.gen(function* () {
 *   const [client, server] = yield* SocketPair.make()
 *   yield* SocketStream.write(client, "one\r\ntwo\nthree")
 *   yield* SocketStream.endWrite(client)
 *   const line = SocketStream.readLine(server)
 *   return Option.all([yield* line, yield* line, yield* line])
 * })
 * await Effect.runPromise(Effect.scoped(program)) // => Option.some(["one", "two", "three"])
 * ```
 *
 * @category reading
 * @since 0.1.0
 */
export const readLine: {
  (options?: DelimitedOptions): (self: SocketStream) => Effect.Effect<Option.Option<string>, NetworkError>
  (self: SocketStream, options?: DelimitedOptions): Effect.Effect<Option.Option<string>, NetworkError>
} = dual(
  (args) => isSocketStream(args[0]),
  (self: SocketStream, options?: DelimitedOptions) => stateOf(self).read(Reads.line(options))
)

/**
 * All bytes up to the end of input.
 *
 * **Errors**: `InputTooLong` if more than `maxBytes` (default 1 MiB) come; those stay readable.
 * **Interruption** loses no byte: the next read goes on.
 *
 * ```ts
 * import * as SocketStream from "@effect-sockets/socket/SocketStream"
 * import * as SocketPair from "@effect-sockets/socket/testing/SocketPair"
 * import { Effect } from "effect"
 * const program = Effect.gen(function* () {
 *   const [client, server] = yield* SocketPair.make()
 *   yield* SocketStream.write(client, "all of it")
 *   yield* SocketStream.endWrite(client)
 *   return new TextDecoder().decode(yield* SocketStream.readAll(server, { maxBytes: 100 }))
 * })
 * await Effect.runPromise(Effect.scoped(program)) // => "all of it"
 * ```
 *
 * @category reading
 * @since 0.1.0
 */
export const readAll: {
  (options?: Codec.Options): (self: SocketStream) => Effect.Effect<Uint8Array, NetworkError>
  (self: SocketStream, options?: Codec.Options): Effect.Effect<Uint8Array, NetworkError>
} = dual(
  (args) => isSocketStream(args[0]),
  (self: SocketStream, options?: Codec.Options) => stateOf(self).read(Reads.all(options))
)

/**
 * The next frame of a decoder, or none where the input ends between two frames.
 *
 * **Errors**: what the decoder found wrong, as `InvalidFrame` or `FrameTooLong`; `UnexpectedEof` where the input ends
 * within a frame. What came stays readable. **Interruption** loses no byte.
 *
 * ```ts
 * import * as Codec from "@effect-sockets/socket/Codec"
 * import * as SocketStream from "@effect-sockets/socket/SocketStream"
 * import * as SocketPair from "@effect-sockets/socket/testing/SocketPair"
 * import { Effect, Option } from "effect"
 * const program = Effect.gen(function* () {
 *   const [client, server] = yield* SocketPair.make()
 *   yield* SocketStream.write(client, "5:hello,")
 *   const frame = yield* SocketStream.readFrame(server, Codec.netstring())
 *   return Option.map(frame, (bytes) => new TextDecoder().decode(bytes))
 * })
 * await Effect.runPromise(Effect.scoped(program)) // => Option.some("hello")
 * ```
 *
 * @category reading
 * @since 0.1.0
 */
export const readFrame: {
  <A>(decoder: Decoder.Decoder<A>): (self: SocketStream) => Effect.Effect<Option.Option<A>, NetworkError>
  <A>(self: SocketStream, decoder: Decoder.Decoder<A>): Effect.Effect<Option.Option<A>, NetworkError>
} = dual(2, <A>(self: SocketStream, decoder: Decoder.Decoder<A>) => stateOf(self).read(Reads.optionalFrame(decoder)))

const repeatRead = <A>(next: Effect.Effect<Option.Option<A>, NetworkError>): Stream.Stream<A, NetworkError> =>
  Stream.fromPull(
    Effect.succeed(
      Effect.flatMap(next, (item) => (Option.isSome(item) ? Effect.succeed(Arr.of(item.value)) : Cause.done()))
    )
  )

/**
 * The input as it comes, up to its end. Pulls only what is asked for: the peer is held back meanwhile.
 *
 * **Errors** as `read`. **Interruption** loses no byte that was not handed on.
 *
 * ```ts
 * import * as SocketStream from "@effect-sockets/socket/SocketStream"
 * import * as SocketPair from "@effect-sockets/socket/testing/SocketPair"
 * import { Effect, Stream } from "effect"
 * const program = Effect.gen(function* () {
 *   const [client, server] = yield* SocketPair.make()
 *   yield* SocketStream.write(client, "chunk")
 *   yield* SocketStream.endWrite(client)
 *   return yield* SocketStream.chunks(server).pipe(Stream.decodeText, Stream.mkString)
 * })
 * await Effect.runPromise(Effect.scoped(program)) // => "chunk"
 * ```
 *
 * @category reading
 * @since 0.1.0
 */
export const chunks = (self: SocketStream): Stream.Stream<Uint8Array, NetworkError> => repeatRead(read(self))

/**
 * The lines of the input, as `readLine` gives them, up to its end.
 *
 * **Errors** as `readLine`. **Interruption** loses no byte of a line that was not handed on.
 *
 * ```ts
 * import * as SocketStream from "@effect-sockets/socket/SocketStream"
 * import * as SocketPair from "@effect-sockets/socket/testing/SocketPair"
 * import { Effect, Stream } from "effect"
 * const program = Effect.gen(function* () {
 *   const [client, server] = yield* SocketPair.make()
 *   yield* SocketStream.write(client, "one\ntwo\n")
 *   yield* SocketStream.endWrite(client)
 *   return yield* Stream.runCollect(SocketStream.lines(server, { maxBytes: 80 }))
 * })
 * await Effect.runPromise(Effect.scoped(program)) // => ["one", "two"]
 * ```
 *
 * @category reading
 * @since 0.1.0
 */
export const lines: {
  (options?: DelimitedOptions): (self: SocketStream) => Stream.Stream<string, NetworkError>
  (self: SocketStream, options?: DelimitedOptions): Stream.Stream<string, NetworkError>
} = dual(
  (args) => isSocketStream(args[0]),
  (self: SocketStream, options?: DelimitedOptions) => repeatRead(readLine(self, options))
)

/**
 * The frames of a decoder, as `readFrame` gives them, up to the end of input.
 *
 * **Errors** as `readFrame`. **Interruption** loses no byte of a frame that was not handed on.
 *
 * ```ts
 * import * as Codec from "@effect-sockets/socket/Codec"
 * import * as SocketStream from "@effect-sockets/socket/SocketStream"
 * import * as SocketPair from "@effect-sockets/socket/testing/SocketPair"
 * import { Effect, Stream } from "effect"
 * const program = Effect.gen(function* () {
 *   const [client, server] = yield* SocketPair.make()
 *   yield* SocketStream.write(client, Uint8Array.of(0, 1, 1, 0))
 *   yield* SocketStream.endWrite(client)
 *   return yield* Stream.runCollect(SocketStream.frames(server, Codec.integer("u16")))
 * })
 * await Effect.runPromise(Effect.scoped(program)) // => [1, 256]
 * ```
 *
 * @category reading
 * @since 0.1.0
 */
export const frames: {
  <A>(decoder: Decoder.Decoder<A>): (self: SocketStream) => Stream.Stream<A, NetworkError>
  <A>(self: SocketStream, decoder: Decoder.Decoder<A>): Stream.Stream<A, NetworkError>
} = dual(2, <A>(self: SocketStream, decoder: Decoder.Decoder<A>) => repeatRead(readFrame(self, decoder)))

// Drivers ------------------------------------------------------------------------------------------------------------

/**
 * Runs an effect for each frame of a decoder, in order, up to the end of input: the loop of a server. The next frame
 * waits until the effect has completed, and the peer is held back meanwhile; the effect may read from the stream itself.
 *
 * It is a loop of `readFrame` that costs less: an effect that completes at once, as most writes do, suspends no fiber. Each
 * effect runs in a fiber of its own; a mere `write`, `writeLine`, `writeFrame` or `flush` that completes at once needs none.
 *
 * **Errors**: as `readFrame`, and the effect's own, which ends the loop. **Interruption** interrupts the effect that runs,
 * and loses no byte: the next read goes on behind the last frame that an effect got.
 *
 * ```ts
 * import * as Codec from "@effect-sockets/socket/Codec"
 * import * as SocketStream from "@effect-sockets/socket/SocketStream"
 * import * as SocketPair from "@effect-sockets/socket/testing/SocketPair"
 * import { Effect } from "effect"
 * const program = Effect.gen(function* () {
 *   const [client, server] = yield* SocketPair.make()
 *   const add = (n: number) => SocketStream.writeFrame(server, Codec.integer("u8"), n + 1)
 *   yield* SocketStream.write(client, Uint8Array.of(0, 1, 1, 0))
 *   yield* SocketStream.endWrite(client)
 *   yield* SocketStream.forEachFrame(server, Codec.integer("u16"), (n) => add(n % 256))
 *   return yield* SocketStream.readExactly(client, 2)
 * })
 * await Effect.runPromise(Effect.scoped(program)) // => Uint8Array.of(2, 1)
 * ```
 *
 * @category reading
 * @since 0.1.0
 */
export const forEachFrame: {
  <A, E, R>(
    decoder: Decoder.Decoder<A>,
    f: (frame: A) => Effect.Effect<unknown, E, R>
  ): (self: SocketStream) => Effect.Effect<void, E | NetworkError, R>
  <A, E, R>(
    self: SocketStream,
    decoder: Decoder.Decoder<A>,
    f: (frame: A) => Effect.Effect<unknown, E, R>
  ): Effect.Effect<void, E | NetworkError, R>
} = dual(
  3,
  <A, E, R>(self: SocketStream, decoder: Decoder.Decoder<A>, f: (frame: A) => Effect.Effect<unknown, E, R>) =>
    new Drive(stateOf(self), Reads.taking(decoder), f)
)

/**
 * Runs an effect with the next frame of a decoder, or with none where the input ends before it: the handler of a protocol
 * that asks once and is answered. What the effect gives is the result; it may read on by itself.
 *
 * It is `Effect.flatMap(readFrame(self, decoder), f)` that costs less as a handler: until the frame is there, no fiber
 * waits for it. The effect runs in a fiber of its own, unless it is a mere `write` that completes at once.
 *
 * **Errors**: as `readFrame`, and the effect's own. **Interruption** interrupts the effect, and loses no byte: the next read
 * goes on behind the frame, or with it where no effect got it.
 *
 * ```ts
 * import * as Codec from "@effect-sockets/socket/Codec"
 * import * as SocketStream from "@effect-sockets/socket/SocketStream"
 * import * as SocketPair from "@effect-sockets/socket/testing/SocketPair"
 * import { Effect, Option } from "effect"
 * const finger = (stream: SocketStream.SocketStream) =>
 *   SocketStream.withFrame(stream, Codec.line({ maxBytes: 512 }), (user) =>
 *     SocketStream.writeLine(stream, `${Option.getOrElse(user, () => "nobody")} is away`)
 *   )
 * const program = Effect.gen(function* () {
 *   const [client, server] = yield* SocketPair.make()
 *   yield* SocketStream.write(client, "ada\r\n")
 *   yield* finger(server)
 *   return yield* SocketStream.readLine(client)
 * })
 * await Effect.runPromise(Effect.scoped(program)) // => Option.some("ada is away")
 * ```
 *
 * @category reading
 * @since 0.1.0
 */
export const withFrame: {
  <A, B, E, R>(
    decoder: Decoder.Decoder<A>,
    f: (frame: Option.Option<A>) => Effect.Effect<B, E, R>
  ): (self: SocketStream) => Effect.Effect<B, E | NetworkError, R>
  <A, B, E, R>(
    self: SocketStream,
    decoder: Decoder.Decoder<A>,
    f: (frame: Option.Option<A>) => Effect.Effect<B, E, R>
  ): Effect.Effect<B, E | NetworkError, R>
} = dual(
  3,
  <A, B, E, R>(
    self: SocketStream,
    decoder: Decoder.Decoder<A>,
    f: (frame: Option.Option<A>) => Effect.Effect<B, E, R>
  ): Effect.Effect<B, E | NetworkError, R> =>
    new Drive<Option.Option<A>, E, R, B>(stateOf(self), Reads.takingOptional(decoder), f, true)
)

/**
 * As `forEachFrame`, for the lines that `readLine` gives.
 *
 * ```ts
 * import * as SocketStream from "@effect-sockets/socket/SocketStream"
 * import * as SocketPair from "@effect-sockets/socket/testing/SocketPair"
 * import { Effect, Option } from "effect"
 * const program = Effect.gen(function* () {
 *   const [client, server] = yield* SocketPair.make()
 *   yield* SocketStream.write(client, "shout\r\n")
 *   yield* SocketStream.endWrite(client)
 *   yield* SocketStream.forEachLine(server, (line) => SocketStream.writeLine(server, line.toUpperCase()))
 *   return yield* SocketStream.readLine(client)
 * })
 * await Effect.runPromise(Effect.scoped(program)) // => Option.some("SHOUT")
 * ```
 *
 * @category reading
 * @since 0.1.0
 */
export const forEachLine: {
  <E, R>(
    f: (line: string) => Effect.Effect<unknown, E, R>,
    options?: DelimitedOptions
  ): (self: SocketStream) => Effect.Effect<void, E | NetworkError, R>
  <E, R>(
    self: SocketStream,
    f: (line: string) => Effect.Effect<unknown, E, R>,
    options?: DelimitedOptions
  ): Effect.Effect<void, E | NetworkError, R>
} = dual(
  (args) => isSocketStream(args[0]),
  <E, R>(self: SocketStream, f: (line: string) => Effect.Effect<unknown, E, R>, options?: DelimitedOptions) =>
    new Drive(stateOf(self), Reads.taking(Reads.lineDecoder(options)), f)
)

/**
 * As `forEachFrame`, for the chunks that `read` gives.
 *
 * ```ts
 * import * as SocketStream from "@effect-sockets/socket/SocketStream"
 * import * as SocketPair from "@effect-sockets/socket/testing/SocketPair"
 * import { Effect } from "effect"
 * const program = Effect.gen(function* () {
 *   const [client, server] = yield* SocketPair.make()
 *   let size = 0
 *   yield* SocketStream.write(client, "twelve bytes")
 *   yield* SocketStream.endWrite(client)
 *   yield* SocketStream.forEachChunk(server, (chunk) => Effect.sync(() => (size += chunk.length)))
 *   return size
 * })
 * await Effect.runPromise(Effect.scoped(program)) // => 12
 * ```
 *
 * @category reading
 * @since 0.1.0
 */
export const forEachChunk: {
  <E, R>(
    f: (chunk: Uint8Array) => Effect.Effect<unknown, E, R>
  ): (self: SocketStream) => Effect.Effect<void, E | NetworkError, R>
  <E, R>(
    self: SocketStream,
    f: (chunk: Uint8Array) => Effect.Effect<unknown, E, R>
  ): Effect.Effect<void, E | NetworkError, R>
} = dual(
  2,
  <E, R>(self: SocketStream, f: (chunk: Uint8Array) => Effect.Effect<unknown, E, R>) =>
    new Drive(stateOf(self), Reads.takeChunk, f)
)

/**
 * Says that this side is at work on the stream until the scope closes, whatever its bytes look like. A server that stops
 * ends connections that are between two messages: one answer written looks like that, though another is owed. A server's
 * `idleTimeout` does not run meanwhile. May be said several times at once.
 *
 * ```ts
 * import * as MemoryNetwork from "@effect-sockets/socket/MemoryNetwork"
 * import * as Server from "@effect-sockets/socket/Server"
 * import * as ServerSocket from "@effect-sockets/socket/ServerSocket"
 * import * as SocketStream from "@effect-sockets/socket/SocketStream"
 * import { Effect, Option } from "effect"
 * const answer = (stream: SocketStream.SocketStream) =>
 *   SocketStream.busy(stream).pipe(
 *     Effect.andThen(Effect.sleep("20 millis")),
 *     Effect.andThen(SocketStream.writeLine(stream, "42")),
 *     Effect.scoped
 *   )
 * // It reads on while it works: without `busy` the server would take it for idle, and stop before the answer.
 * const handler = (stream: SocketStream.SocketStream) =>
 *   SocketStream.forEachLine(stream, () => Effect.forkScoped(answer(stream), { startImmediately: true }))
 * const program = Effect.gen(function* () {
 *   const server = yield* Effect.flatMap(ServerSocket.listen(80), Server.start(handler))
 *   const client = yield* SocketStream.open(server.address)
 *   yield* SocketStream.writeLine(client, "the question")
 *   yield* Effect.forkScoped(Effect.delay(server.stop, "5 millis"))
 *   return yield* SocketStream.readLine(client)
 * })
 * const scoped = program.pipe(Effect.scoped, Effect.provide(MemoryNetwork.layer()))
 * await Effect.runPromise(scoped) // => Option.some("42")
 * ```
 *
 * @category reading
 * @since 0.1.0
 */
export const busy = (self: SocketStream): Effect.Effect<void, never, Scope.Scope> =>
  Effect.asVoid(
    Effect.acquireRelease(
      Effect.sync(() => stateOf(self).beginWork()),
      () => Effect.sync(() => stateOf(self).endWork())
    )
  )

// Writing ------------------------------------------------------------------------------------------------------------

/**
 * Writes bytes, or text as UTF-8. Waits while `highWaterMark` bytes are unsent, then takes the whole chunk and returns:
 * it leaves without `flush`, together with what else is written before the fiber next waits. Do not change the array
 * before a `flush` or `close`. Concurrent writes never mix.
 *
 * **Errors**: `ConnectionReset` if the peer is gone; `TimedOut` after `writeTimeout` without progress; `Closed` after
 * `endWrite` or `close`. **Interruption**: while it waits, nothing of the chunk has gone; afterwards all of it will.
 *
 * ```ts
 * import * as SocketStream from "@effect-sockets/socket/SocketStream"
 * import * as SocketPair from "@effect-sockets/socket/testing/SocketPair"
 * import { Effect } from "effect"
 * const program = Effect.gen(function* () {
 *   const [client, server] = yield* SocketPair.make()
 *   yield* SocketStream.write(client, "text")
 *   yield* SocketStream.write(client, Uint8Array.of(33))
 *   return new TextDecoder().decode(yield* SocketStream.readExactly(server, 5))
 * })
 * await Effect.runPromise(Effect.scoped(program)) // => "text!"
 * ```
 *
 * @category writing
 * @since 0.1.0
 */
export const write: {
  (chunk: Uint8Array | string): (self: SocketStream) => Effect.Effect<void, NetworkError>
  (self: SocketStream, chunk: Uint8Array | string): Effect.Effect<void, NetworkError>
} = dual(2, (self: SocketStream, chunk: Uint8Array | string) => new Step(() => stateOf(self).write(chunk)))

/**
 * Writes a line of text, ended by CR LF. As `write` otherwise.
 *
 * ```ts
 * import * as SocketStream from "@effect-sockets/socket/SocketStream"
 * import * as SocketPair from "@effect-sockets/socket/testing/SocketPair"
 * import { Effect } from "effect"
 * const program = Effect.gen(function* () {
 *   const [client, server] = yield* SocketPair.make()
 *   yield* SocketStream.writeLine(client, "hi")
 *   return new TextDecoder().decode(yield* SocketStream.readExactly(server, 4))
 * })
 * await Effect.runPromise(Effect.scoped(program)) // => "hi\r\n"
 * ```
 *
 * @category writing
 * @since 0.1.0
 */
export const writeLine: {
  (line: string): (self: SocketStream) => Effect.Effect<void, NetworkError>
  (self: SocketStream, line: string): Effect.Effect<void, NetworkError>
} = dual(2, (self: SocketStream, line: string) => write(self, `${line}\r\n`))

/**
 * Writes a frame of a codec. As `write` otherwise.
 *
 * **Errors**: also `InvalidFrame` or `FrameTooLong` for a value that is no frame of the codec; nothing of it leaves.
 *
 * ```ts
 * import * as Codec from "@effect-sockets/socket/Codec"
 * import * as SocketStream from "@effect-sockets/socket/SocketStream"
 * import * as SocketPair from "@effect-sockets/socket/testing/SocketPair"
 * import { Effect } from "effect"
 * const program = Effect.gen(function* () {
 *   const [client, server] = yield* SocketPair.make()
 *   yield* SocketStream.writeFrame(client, Codec.lengthPrefixed("u16"), Uint8Array.of(7))
 *   return yield* SocketStream.readExactly(server, 3)
 * })
 * await Effect.runPromise(Effect.scoped(program)) // => Uint8Array.of(0, 1, 7)
 * ```
 *
 * @category writing
 * @since 0.1.0
 */
export const writeFrame: {
  <A>(codec: Codec.Codec<A>, frame: A): (self: SocketStream) => Effect.Effect<void, NetworkError>
  <A>(self: SocketStream, codec: Codec.Codec<A>, frame: A): Effect.Effect<void, NetworkError>
} = dual(
  3,
  <A>(self: SocketStream, codec: Codec.Codec<A>, frame: A) =>
    new Step(() => {
      const encoded = codec.encode(frame)
      return encoded instanceof Decoder.Failure
        ? Effect.fail(stateOf(self).error("write", encoded.reason))
        : stateOf(self).write(encoded)
    })
)

/**
 * Returns when the kernel has all that was written (PORT's `force-output`). It says nothing of the peer.
 *
 * **Errors** as `write`. **Interruption**: what was written still leaves.
 *
 * ```ts
 * import * as SocketStream from "@effect-sockets/socket/SocketStream"
 * import * as SocketPair from "@effect-sockets/socket/testing/SocketPair"
 * import { Effect } from "effect"
 * const program = Effect.gen(function* () {
 *   const [client, server] = yield* SocketPair.make()
 *   yield* SocketStream.write(client, "hello")
 *   yield* SocketStream.flush(client)
 *   return client.bytesWritten
 * })
 * await Effect.runPromise(Effect.scoped(program)) // => 5
 * ```
 *
 * @category writing
 * @since 0.1.0
 */
export const flush = (self: SocketStream): Effect.Effect<void, NetworkError> =>
  new Step(() => stateOf(self).flush("write"))

/**
 * Writes what is read from `self` to `to`, up to the end of input: how many bytes. Both may be the same stream, which is
 * an echo. It ends neither; `endWrite` on `to` passes the end on. It holds at most 64 KiB, and none while it waits for
 * input. Returns when the kernel has all of it.
 *
 * **Errors** as `read` of `self` and `write` to `to`; what `to` has not taken stays readable. **Interruption** loses
 * nothing either.
 *
 * ```ts
 * import * as SocketStream from "@effect-sockets/socket/SocketStream"
 * import * as SocketPair from "@effect-sockets/socket/testing/SocketPair"
 * import { Effect } from "effect"
 * const program = Effect.gen(function* () {
 *   const [client, server] = yield* SocketPair.make()
 *   yield* SocketStream.write(client, "hello")
 *   yield* SocketStream.endWrite(client)
 *   return yield* SocketStream.copy(server, server)
 * })
 * await Effect.runPromise(Effect.scoped(program)) // => 5
 * ```
 *
 * @category writing
 * @since 0.1.0
 */
export const copy: {
  (to: SocketStream): (self: SocketStream) => Effect.Effect<number, NetworkError>
  (self: SocketStream, to: SocketStream): Effect.Effect<number, NetworkError>
} = dual(2, (self: SocketStream, to: SocketStream) => copyStream(stateOf(self), stateOf(to)))

/**
 * Whether another exchange may begin on the stream, as far as this end knows: open both ways, nothing unread, and nobody
 * waits for input. It looks and does no I/O. A peer whose end is still on its way cannot be seen.
 *
 * ```ts
 * import * as SocketStream from "@effect-sockets/socket/SocketStream"
 * import * as SocketPair from "@effect-sockets/socket/testing/SocketPair"
 * import { Effect } from "effect"
 * const program = Effect.gen(function* () {
 *   const [client, server] = yield* SocketPair.make()
 *   const before = SocketStream.isReusable(client)
 *   yield* SocketStream.endWrite(server)
 *   yield* Effect.sleep(1)
 *   return [before, SocketStream.isReusable(client)]
 * })
 * await Effect.runPromise(Effect.scoped(program)) // => [true, false]
 * ```
 *
 * @category predicates
 * @since 0.1.0
 */
export const isReusable = (self: SocketStream): boolean => stateOf(self).isReusable

/**
 * How two streams are joined.
 *
 * ```ts
 * import * as SocketStream from "@effect-sockets/socket/SocketStream"
 * import * as SocketPair from "@effect-sockets/socket/testing/SocketPair"
 * import { Effect } from "effect"
 * const options: SocketStream.RelayOptions = { idleTimeout: "20 millis" }
 * const program = Effect.gen(function* () {
 *   const [[, front], [back]] = yield* Effect.all([SocketPair.make(), SocketPair.make()])
 *   return (yield* Effect.flip(SocketStream.relay(front, back, options))).reason
 * })
 * await Effect.runPromise(Effect.scoped(program)) // => { _tag: "TimedOut", millis: 20 }
 * ```
 *
 * @category options
 * @since 0.1.0
 */
export interface RelayOptions {
  /**
   * How long nothing may move, in neither direction. Looked at every quarter of it. Default: for ever; a server's `maxAge`
   * holds all the same, its `idleTimeout` does not.
   */
  readonly idleTimeout?: Duration.Input | undefined
}

/**
 * Joins two streams, as a proxy does: what each reads the other writes, and the end of one's input is the end of the
 * other's output (half-close), until both have ended. A relay knows no messages, so both are in use meanwhile: a server
 * that stops gives them `drainTimeout`.
 *
 * **Errors**: what broke either stream; `TimedOut` after `idleTimeout`; `InvalidOption`. Neither stream is closed by
 * it: where their scopes then close with the failure, both peers see RST. **Interruption** loses nothing: what was not
 * passed on stays readable.
 *
 * ```ts
 * import * as SocketStream from "@effect-sockets/socket/SocketStream"
 * import * as SocketPair from "@effect-sockets/socket/testing/SocketPair"
 * import { Effect } from "effect"
 * const program = Effect.gen(function* () {
 *   const [[client, front], [back, server]] = yield* Effect.all([SocketPair.make(), SocketPair.make()])
 *   yield* Effect.forkChild(SocketStream.relay(front, back))
 *   yield* SocketStream.write(client, "hello")
 *   yield* SocketStream.endWrite(client)
 *   return new TextDecoder().decode(yield* SocketStream.readAll(server))
 * })
 * await Effect.runPromise(Effect.scoped(program)) // => "hello"
 * ```
 *
 * @category writing
 * @since 0.1.0
 */
export const relay: {
  (to: SocketStream, options?: RelayOptions): (self: SocketStream) => Effect.Effect<void, NetworkError>
  (self: SocketStream, to: SocketStream, options?: RelayOptions): Effect.Effect<void, NetworkError>
} = dual(
  (args) => isSocketStream(args[1]),
  (self: SocketStream, to: SocketStream, options: RelayOptions = {}): Effect.Effect<void, NetworkError> =>
    Effect.suspend(() => {
      const invalid = InvalidOption.find(options, { idleTimeout: InvalidOption.positiveDuration })
      return invalid === undefined
        ? relayStreams(stateOf(self), stateOf(to), InvalidOption.toMillis(options.idleTimeout))
        : Effect.fail(stateOf(self).error("read", invalid))
    })
)

// Closing ------------------------------------------------------------------------------------------------------------

/**
 * Ends the output: FIN follows what was written, reading goes on (half-close). Returns when the kernel has the output.
 * A second call is fine.
 *
 * **Errors**: `ConnectionReset` and what else broke the connection; `Closed` after `close`. **Interruption**: FIN
 * still follows.
 *
 * ```ts
 * import * as SocketStream from "@effect-sockets/socket/SocketStream"
 * import * as SocketPair from "@effect-sockets/socket/testing/SocketPair"
 * import { Effect, Option } from "effect"
 * const program = Effect.gen(function* () {
 *   const [client, server] = yield* SocketPair.make()
 *   yield* SocketStream.endWrite(client)
 *   const end = yield* SocketStream.read(server)
 *   yield* SocketStream.writeLine(server, "I can still answer")
 *   return [end, yield* SocketStream.readLine(client)]
 * })
 * await Effect.runPromise(Effect.scoped(program)) // => [Option.none(), Option.some("I can still answer")]
 * ```
 *
 * @category closing
 * @since 0.1.0
 */
export const endWrite = (self: SocketStream): Effect.Effect<void, NetworkError> =>
  Effect.suspend(() => {
    const state = stateOf(self)
    state.endWrite()
    return state.flush("write")
  })

/**
 * Ends the connection in order: FIN after what was written, then input is drained until the peer ends too, for
 * `lingerTimeout` and `lingerBytes` at most. Returns when the descriptor is given back. A second call is fine.
 *
 * **Errors**: why something written could not be handed over. **Interruption**: the close goes on.
 *
 * ```ts
 * import * as SocketStream from "@effect-sockets/socket/SocketStream"
 * import * as SocketPair from "@effect-sockets/socket/testing/SocketPair"
 * import { Effect, Fiber } from "effect"
 * const program = Effect.gen(function* () {
 *   const [client, server] = yield* SocketPair.make()
 *   yield* SocketStream.writeLine(server, "the last word")
 *   const closing = yield* Effect.forkChild(SocketStream.close(server))
 *   const bytes = yield* SocketStream.readAll(client)
 *   yield* Effect.all([SocketStream.close(client), Fiber.join(closing)])
 *   return new TextDecoder().decode(bytes)
 * })
 * await Effect.runPromise(Effect.scoped(program)) // => "the last word\r\n"
 * ```
 *
 * @category closing
 * @since 0.1.0
 */
export const close = (self: SocketStream): Effect.Effect<void, NetworkError> =>
  Effect.suspend(() => {
    const state = stateOf(self)
    state.beginClose()
    return Effect.flatMap(state.awaitGone(), () => {
      const lost = state.lostOutput
      return lost === undefined ? Effect.void : Effect.fail(state.error("close", lost))
    })
  })

/**
 * Cuts the connection: the peer sees a reset (RST), never an end of input. Whoever waits here fails with `Closed`.
 *
 * **Interruption**: it is cut all the same.
 *
 * ```ts
 * import * as SocketStream from "@effect-sockets/socket/SocketStream"
 * import * as SocketPair from "@effect-sockets/socket/testing/SocketPair"
 * import { Effect } from "effect"
 * const program = Effect.gen(function* () {
 *   const [client, server] = yield* SocketPair.make()
 *   yield* SocketStream.reset(client)
 *   return (yield* Effect.flip(SocketStream.read(server))).reason._tag
 * })
 * await Effect.runPromise(Effect.scoped(program)) // => "ConnectionReset"
 * ```
 *
 * @category closing
 * @since 0.1.0
 */
export const reset = (self: SocketStream): Effect.Effect<void> =>
  Effect.suspend(() => {
    const state = stateOf(self)
    state.abort()
    return state.awaitGone()
  })

// TLS ----------------------------------------------------------------------------------------------------------------

const handshakeChecks = { side: InvalidOption.oneOf("client", "server") } as const

/**
 * Takes a TLS handshake on an open connection, as STARTTLS protocols do: on either side, once both have agreed on it in
 * clear text. What was written leaves first, in clear. Reads and writes afterwards are encrypted. Node does not tell an
 * end without TLS's `close_notify` from one with it: a protocol that must know has to say how long its messages are.
 *
 * What the peer sent already is its part of the handshake, never input that came under TLS: a ClientHello that was faster
 * than this call is served, and clear text that was slipped in before it fails the handshake (RFC 3207, section 4.2).
 *
 * **Errors**: `Tls` with OpenSSL's code if the handshake fails; `TimedOut` after `handshakeTimeout`; `Unsupported` by a
 * network without TLS; `Closed`. The connection cannot be used afterwards. **Interruption** cuts the connection.
 *
 * ```ts
 * import * as SocketStream from "@effect-sockets/socket/SocketStream"
 * import * as SocketPair from "@effect-sockets/socket/testing/SocketPair"
 * import { Effect } from "effect"
 * const program = Effect.gen(function* () {
 *   const [client, server] = yield* SocketPair.make()
 *   const startTls = Effect.gen(function* () {
 *     yield* SocketStream.writeLine(client, "STARTTLS")
 *     yield* SocketStream.readLine(client)
 *     return yield* SocketStream.upgradeTls(client, { side: "client", options: { servername: "mail.example" } })
 *   })
 *   yield* SocketStream.writeLine(server, "220 Ready to start TLS")
 *   return (yield* Effect.flip(startTls)).reason
 * })
 * await Effect.runPromise(Effect.scoped(program)) // => { _tag: "Unsupported", detail: "TLS on this network" }
 * ```
 *
 * @category tls
 * @since 0.1.0
 */
export const upgradeTls: {
  (options: Tls.HandshakeOptions): (self: SocketStream) => Effect.Effect<Tls.HandshakeInfo, NetworkError>
  (self: SocketStream, options: Tls.HandshakeOptions): Effect.Effect<Tls.HandshakeInfo, NetworkError>
} = dual(2, (self: SocketStream, options: Tls.HandshakeOptions) =>
  Effect.uninterruptibleMask((restore) => {
    const state = stateOf(self)
    const invalid = InvalidOption.find(options, handshakeChecks) ?? InvalidOption.find(options.options, {}, "options.")
    const error = invalid === undefined ? state.beginUpgrade() : state.error("tls", invalid)
    if (error !== undefined) return Effect.fail(error)
    const flush = Effect.suspend(() => state.flush("tls"))
    const handshake: Effect.Effect<Tls.HandshakeInfo, NetworkError> = Effect.flatMap(flush, () => {
      // Another fiber may have written since.
      if (!state.isFlushed) return handshake
      const secure = startTls(state, options)
      return Result.isSuccess(secure) ? secure.success.handshake : Effect.fail(secure.failure)
    })
    const upgraded = Effect.onError(restore(handshake), (cause) =>
      Effect.contextWith((context: Context.Context<never>) => {
        if (options.side === "client") countFailure(clientMetrics.handshakesFailedFor, cause, context)
        return reset(self)
      })
    )
    return Effect.withFiber((fiber) =>
      spans.isTraced(fiber.context) ? spans.handshaking(upgraded, options.side) : upgraded
    )
  })
)

/**
 * What the TLS handshake agreed on, once it has ended.
 *
 * **Errors**: why it failed; `Unsupported` on a stream without TLS.
 * **Interruption**: it goes on.
 *
 * ```ts
 * import * as SocketStream from "@effect-sockets/socket/SocketStream"
 * import * as SocketPair from "@effect-sockets/socket/testing/SocketPair"
 * import { Effect } from "effect"
 * const program = Effect.gen(function* () {
 *   const [client, server] = yield* SocketPair.make()
 *   const isSecure = (stream: SocketStream.SocketStream) => Effect.match(SocketStream.handshake(stream), {
 *     onFailure: () => false,
 *     onSuccess: ({ authorized }) => authorized
 *   })
 *   return yield* isSecure(client)
 * })
 * await Effect.runPromise(Effect.scoped(program)) // => false
 * ```
 *
 * @category tls
 * @since 0.1.0
 */
export const handshake = (self: SocketStream): Effect.Effect<Tls.HandshakeInfo, NetworkError> =>
  Effect.suspend(() => {
    const state = stateOf(self)
    const { connection } = state
    return "handshake" in connection
      ? (connection as SecureConnection).handshake
      : Effect.fail(stateOf(self).error("tls", { _tag: "Unsupported", detail: "this stream is not under TLS" }))
  })

/**
 * The two pairs of address and port: local, then remote (PORT's `socket-host/port`).
 *
 * ```ts
 * import * as SocketStream from "@effect-sockets/socket/SocketStream"
 * import * as SocketPair from "@effect-sockets/socket/testing/SocketPair"
 * import { Effect } from "effect"
 * const program = Effect.gen(function* () {
 *   const [client, server] = yield* SocketPair.make()
 *   const [, , remoteHost, remotePort] = SocketStream.hostPort(client)
 *   return `${remoteHost}, ${remotePort}`
 * })
 * await Effect.runPromise(Effect.scoped(program)) // => "127.0.0.1, 49152"
 * ```
 *
 * @category getters
 * @since 0.1.0
 */
export const hostPort = (
  self: SocketStream
): readonly [
  localHost: NetAddress.IpAddress | string,
  localPort: number,
  remoteHost: NetAddress.IpAddress | string,
  remotePort: number
] => [...pair(self.localAddress), ...pair(self.remoteAddress)]

const pair = (address: NetAddress.SocketAddress): [NetAddress.IpAddress | string, number] =>
  address._tag === "UnixPathAddress" ? [address.path, 0] : [address.address, address.port]
