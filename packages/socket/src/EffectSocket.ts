/**
 * Between this package and `effect/socket`: our streams as effect's `Socket`, so that its RPC, DevTools and `Ndjson` run
 * over any `Network`; and an effect `Socket` as a `SocketStream`. `EffectSocketServer` does the same for servers. Only
 * these two modules know `effect/socket`, which is unstable.
 *
 * **How a connection ends.** In effect's model every program ends by a failure or an interruption: its `pull` knows no
 * other end. So here success, the peer's end of input and interruption end a connection in order (FIN after what was
 * written); another failure, or a defect, cuts it (RST).
 *
 * Effect's `SocketServer` does not come back as a `Network`: its port is open already and is not ours to close or
 * suspend, it tells no peer's address for limits and access lists, and it accepts without bound before anybody runs it.
 * Its handlers can use `fromSocket`.
 */
import * as Arr from "effect/Array"
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Latch from "effect/Latch"
import * as Layer from "effect/Layer"
import * as NetAddress from "effect/net/NetAddress"
import * as Option from "effect/Option"
import * as Scope from "effect/Scope"
import * as Socket from "effect/socket/Socket"
import * as InvalidOption from "@effect-sockets/resolver/InvalidOption"
import { EffectConnection, type EffectParts } from "./internal/effect/EffectConnection.ts"
import { bytesOf, endsOf } from "./internal/effect/EffectEnds.ts"
import { fromEffectError, isOrderly, toEffectError } from "./internal/effect/EffectErrors.ts"
import type { StreamState } from "./internal/stream/StreamState.ts"
import { checks } from "./internal/stream/StreamOptions.ts"
import { make as makeError, type NetworkError } from "./NetworkError.ts"
import * as SocketStream from "./SocketStream.ts"
import type * as Tls from "./Tls.ts"

// Errors -------------------------------------------------------------------------------------------------------------

export { fromEffectError, toEffectError }

// Streams as effect's sockets ----------------------------------------------------------------------------------------

const source = Symbol("@effect-sockets/socket/EffectSocket")

/**
 * How a stream becomes effect's socket.
 *
 * ```ts
 * import * as EffectSocket from "@effect-sockets/socket/EffectSocket"
 * import * as SocketPair from "@effect-sockets/socket/testing/SocketPair"
 * import { Effect } from "effect"
 *
 * const accepted: EffectSocket.ToSocketOptions = { side: "server" }
 * const program = Effect.gen(function* () {
 *   const [, server] = yield* SocketPair.make()
 *   const { upgrade } = yield* EffectSocket.toSocket(server, accepted).reader
 *   return yield* Effect.flip(upgrade({}))
 * })
 * const { reason } = await Effect.runPromise(Effect.scoped(program))
 * reason._tag // => "SocketUpgradeError"
 * ```
 *
 * @category options
 * @since 0.1.0
 */
export interface ToSocketOptions {
  /** Which side of a TLS handshake `upgrade` takes. Default `"client"`. */
  readonly side?: Tls.HandshakeOptions["side"] | undefined
}

/**
 * An open stream as effect's `Socket`. Whoever opened the stream still owns it; closing the reader's scope closes it,
 * closing the writer's ends its output, both as this module's page says. It connects once: a second `reader` finds what
 * is left.
 *
 * `pull` gives all that has come, and holds the peer back meanwhile. `write` waits for room as `SocketStream.write`;
 * `writeAll` is one write. A `CloseEvent` of 1000 closes in order, another one resets: TCP carries no code.
 *
 * **Errors** as `toEffectError` has them. Unlike effect's own, a write to a connection that is gone fails at once.
 *
 * ```ts
 * import * as EffectSocket from "@effect-sockets/socket/EffectSocket"
 * import * as SocketStream from "@effect-sockets/socket/SocketStream"
 * import * as SocketPair from "@effect-sockets/socket/testing/SocketPair"
 * import { Effect } from "effect"
 *
 * const program = Effect.gen(function* () {
 *   const [client, server] = yield* SocketPair.make()
 *   const { reader, writer } = EffectSocket.toSocket(client)
 *   yield* Effect.flatMap(writer, ({ writeAll }) => writeAll(["hello, ", "effect\r\n"]))
 *   yield* Effect.flatMap(SocketStream.readExactly(server, 15), (bytes) => SocketStream.write(server, bytes))
 *   return yield* Effect.flatMap(reader, ({ pull }) => pull)
 * })
 * const batch = await Effect.runPromise(Effect.scoped(program))
 * batch // => [new TextEncoder().encode("hello, effect\r\n")]
 * ```
 *
 * @category converting
 * @since 0.1.0
 */
export const toSocket = (stream: SocketStream.SocketStream, options: ToSocketOptions = {}): Socket.Socket => {
  const ends = endsOf(stream as StreamState, options.side ?? "client")
  const socket = Socket.make({
    reader: Effect.acquireRelease(Effect.succeed(ends.reader), (_, exit) => ends.close(exit)),
    writer: Effect.acquireRelease(Effect.succeed(ends.writer), (_, exit) => ends.endWrite(exit))
  })
  return Object.assign(socket, { [source]: stream })
}

/**
 * The stream behind a socket of `toSocket`, or of a server of `EffectSocketServer`, for its addresses; none for other sockets.
 *
 * ```ts
 * import * as EffectSocket from "@effect-sockets/socket/EffectSocket"
 * import * as SocketPair from "@effect-sockets/socket/testing/SocketPair"
 * import { Effect, Option } from "effect"
 *
 * const program = Effect.gen(function* () {
 *   const [client] = yield* SocketPair.make()
 *   return Option.contains(EffectSocket.streamOf(EffectSocket.toSocket(client)), client)
 * })
 * await Effect.runPromise(Effect.scoped(program)) // => true
 * ```
 *
 * @category converting
 * @since 0.1.0
 */
export const streamOf = (socket: Socket.Socket): Option.Option<SocketStream.SocketStream> =>
  source in socket ? Option.some(socket[source] as SocketStream.SocketStream) : Option.none()

/**
 * Effect's `Socket` that opens a stream each time its reader is acquired, for example by `SocketStream.open`. The
 * reader's scope owns the connection and closes when it is gone. As effect wants it, a write waits for the first
 * connection, and between two of them for the next.
 *
 * **Errors**: `SocketOpenError` with ours as the cause, of kind `Timeout` for `TimedOut`. **Interruption** of the
 * acquisition leaves no connection.
 *
 * ```ts
 * import * as EffectSocket from "@effect-sockets/socket/EffectSocket"
 * import * as MemoryNetwork from "@effect-sockets/socket/MemoryNetwork"
 * import * as SocketStream from "@effect-sockets/socket/SocketStream"
 * import * as Resolver from "@effect-sockets/resolver/Resolver"
 * import { Effect, Layer } from "effect"
 *
 * const program = Effect.flatMap(EffectSocket.make(SocketStream.open("127.0.0.1", 4141)), ({ reader }) => Effect.flip(reader))
 * const live = Layer.mergeAll(MemoryNetwork.layer(), Resolver.layerStatic({}))
 * const error = await program.pipe(Effect.scoped, Effect.provide(live), Effect.runPromise)
 * error.reason._tag // => "SocketOpenError"
 * ```
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = <R>(
  open: Effect.Effect<SocketStream.SocketStream, NetworkError, R>
): Effect.Effect<Socket.Socket, never, Exclude<R, Scope.Scope>> =>
  Effect.map(Effect.context<Exclude<R, Scope.Scope>>(), (context) => {
    const connected = Latch.makeUnsafe(false)
    let current: ReturnType<typeof endsOf> | undefined
    const reader = Effect.gen(function* () {
      const scope = yield* Effect.acquireRelease(Scope.make(), (scope, exit) =>
        Scope.close(scope, isOrderly(exit) ? Exit.void : exit)
      )
      const stream = yield* Effect.mapError(Scope.provide(open, scope), toEffectError)
      const connection = endsOf(stream as StreamState, "client")
      yield* Effect.acquireRelease(
        Effect.sync(() => {
          current = connection
          connected.openUnsafe()
        }),
        (_, exit) =>
          Effect.suspend(() => {
            if (current === connection) {
              current = undefined
              connected.closeUnsafe()
            }
            return connection.close(exit)
          })
      )
      return connection.reader
    })
    const whenConnected = (
      use: (writer: Socket.Writer) => Effect.Effect<void, Socket.SocketError>
    ): Effect.Effect<void, Socket.SocketError> =>
      Effect.suspend(() =>
        current === undefined ? Effect.flatMap(connected.await, () => whenConnected(use)) : use(current.writer)
      )
    const writer: Socket.Writer = {
      write: (chunk) => whenConnected((writer) => writer.write(chunk)),
      writeAll: (chunks) => whenConnected((writer) => writer.writeAll(chunks))
    }
    return Socket.make({
      // The scope is the acquisition's, not the one in which the socket was made.
      reader: Effect.provideContext(reader, Context.omit(Scope.Scope)(context)) as Socket.Socket["reader"],
      writer: Effect.acquireRelease(Effect.succeed(writer), (_, exit) =>
        Effect.suspend(() => current?.endWrite(exit) ?? Effect.void)
      )
    })
  })

/**
 * As `make`, as the service that effect's clients (`RpcClient.layerProtocolSocket`, `DevToolsClient`) ask for.
 *
 * ```ts
 * import * as EffectSocket from "@effect-sockets/socket/EffectSocket"
 * import * as SocketStream from "@effect-sockets/socket/SocketStream"
 * import * as SocketPair from "@effect-sockets/socket/testing/SocketPair"
 * import { Effect } from "effect"
 * import * as Socket from "effect/socket/Socket"
 *
 * const program = Effect.gen(function* () {
 *   const [client, server] = yield* SocketPair.make()
 *   yield* SocketStream.write(server, "hello")
 *   const { pull } = yield* Effect.provide(Effect.flatMap(Socket.Socket, ({ reader }) => reader), EffectSocket.layer(Effect.succeed(client)))
 *   return yield* pull
 * })
 * await Effect.runPromise(Effect.scoped(program)) // => [new TextEncoder().encode("hello")]
 * ```
 *
 * @category layers
 * @since 0.1.0
 */
export const layer = <R>(
  open: Effect.Effect<SocketStream.SocketStream, NetworkError, R>
): Layer.Layer<Socket.Socket, never, Exclude<R, Scope.Scope>> => Layer.effect(Socket.Socket, make(open))

// Effect's sockets as streams ----------------------------------------------------------------------------------------

/**
 * What effect's socket does not tell, and the limits of the stream.
 *
 * ```ts
 * import * as EffectSocket from "@effect-sockets/socket/EffectSocket"
 * import * as SocketStream from "@effect-sockets/socket/SocketStream"
 * import * as SocketPair from "@effect-sockets/socket/testing/SocketPair"
 * import { Effect } from "effect"
 * import * as NetAddress from "effect/net/NetAddress"
 *
 * const remoteAddress = NetAddress.inetAddressFromStringUnsafe("192.0.2.7:4711")
 * const options: EffectSocket.FromSocketOptions = { remoteAddress, readTimeout: "20 millis" }
 * const program = Effect.gen(function* () {
 *   const [client] = yield* SocketPair.make()
 *   const stream = yield* EffectSocket.fromSocket(EffectSocket.toSocket(client), options)
 *   return yield* Effect.flip(SocketStream.read(stream))
 * })
 * const { message } = await Effect.runPromise(Effect.scoped(program))
 * message // => "read 192.0.2.7:4711: timed out after 20 ms"
 * ```
 *
 * @category options
 * @since 0.1.0
 */
export interface FromSocketOptions extends SocketStream.Options {
  /** Default `0.0.0.0:0`. */
  readonly localAddress?: NetAddress.SocketAddress | undefined
  /** Default `0.0.0.0:0`. Errors name it. */
  readonly remoteAddress?: NetAddress.SocketAddress | undefined
}

const unknownAddress = NetAddress.inetAddressUnsafe(NetAddress.ipv4Unspecified, 0)

/** In the range that every transport lets a program send (RFC 6455, section 7.4.2). */
const resetEvent = new Socket.CloseEvent(4000, "reset")

/**
 * An effect `Socket` as a stream: acquires its reader, so it connects, and the scope owns both. Bytes, limits, deadlines
 * and half-close are the stream's; timers run on Effect's Clock. Strings that it delivers are read as UTF-8.
 *
 * What effect's model lacks stays lacking: addresses; whether the kernel has what was written, so `flush` and `close` may
 * return early; TLS by `upgradeTls`. `reset` sends a `CloseEvent` of 4000: a socket of this package answers with RST,
 * effect's own with FIN.
 *
 * **Errors** as `fromEffectError` has them; `InvalidOption`. **Interruption** leaves no connection.
 *
 * ```ts
 * import * as EffectSocket from "@effect-sockets/socket/EffectSocket"
 * import * as SocketStream from "@effect-sockets/socket/SocketStream"
 * import * as SocketPair from "@effect-sockets/socket/testing/SocketPair"
 * import { Effect, Option } from "effect"
 * import type * as Socket from "effect/socket/Socket"
 *
 * const shout = (socket: Socket.Socket) => Effect.flatMap(EffectSocket.fromSocket(socket), (stream) =>
 *   SocketStream.forEachLine(stream, (line) => SocketStream.writeLine(stream, line.toUpperCase())))
 * const program = Effect.gen(function* () {
 *   const [client, server] = yield* SocketPair.make()
 *   yield* Effect.forkScoped(shout(EffectSocket.toSocket(server)))
 *   yield* SocketStream.writeLine(client, "hello")
 *   return yield* SocketStream.readLine(client)
 * })
 * await Effect.runPromise(Effect.scoped(program)) // => Option.some("HELLO")
 * ```
 *
 * @category converting
 * @since 0.1.0
 */
export const fromSocket = (
  socket: Socket.Socket,
  options: FromSocketOptions = {}
): Effect.Effect<SocketStream.SocketStream, NetworkError, Scope.Scope> =>
  Effect.uninterruptibleMask((restore) =>
    Effect.gen(function* () {
      const readScope = Scope.makeUnsafe()
      const writeScope = Scope.makeUnsafe()
      const { localAddress = unknownAddress, remoteAddress = unknownAddress } = options
      // Before it connects.
      const invalid = InvalidOption.find(options, checks)
      if (invalid !== undefined) return yield* makeError("open", remoteAddress, invalid)
      const ours = (error: Socket.SocketError) => fromEffectError(error, NetAddress.formatSocketAddress(remoteAddress))
      const reader = yield* restore(Scope.provide(socket.reader, readScope)).pipe(
        Effect.onError((cause) => Scope.close(readScope, Exit.failCause(cause))),
        Effect.mapError(ours)
      )
      const writer = yield* Scope.provide(socket.writer, writeScope).pipe(
        Effect.onError((cause) => Scope.close(readScope, Exit.failCause(cause)))
      )
      const parts: EffectParts = {
        pull: Effect.mapBoth(reader.pull, { onSuccess: Arr.map(bytesOf), onFailure: ours }),
        write: (chunks) => Effect.mapError(writer.writeAll(chunks), ours),
        end: Scope.close(writeScope, Exit.void),
        reset: Effect.ignoreCause(writer.write(resetEvent)),
        close: Effect.andThen(Scope.close(readScope, Exit.void), Scope.close(writeScope, Exit.void))
      }
      const clock = yield* Clock.Clock
      const connection = new EffectConnection(parts, localAddress, remoteAddress, yield* Effect.context(), clock)
      return yield* SocketStream.make(connection, options)
    })
  )
