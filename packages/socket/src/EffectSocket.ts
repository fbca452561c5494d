/**
 * Between this package and `effect/socket`: our streams and servers as effect's `Socket` and `SocketServer`, so that its
 * RPC, DevTools and `Ndjson` run over any `Network`; and an effect `Socket` as a `SocketStream`. The only module that
 * knows `effect/socket`, which is unstable.
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
import * as Cause from "effect/Cause"
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Latch from "effect/Latch"
import * as Layer from "effect/Layer"
import * as NetAddress from "effect/net/NetAddress"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import * as Scope from "effect/Scope"
import * as Socket from "effect/socket/Socket"
import * as SocketServer from "effect/socket/SocketServer"
import { EffectConnection, type EffectParts } from "./internal/effect/EffectConnection.ts"
import type { ReadAttempt, StreamCore } from "./internal/stream/StreamState.ts"
import type { Network } from "./Network.ts"
import * as Server from "./Server.ts"
import * as ServerSocket from "./ServerSocket.ts"
import { isNetworkError, type Operation, type Reason, reasonFromCause, NetworkError } from "./NetworkError.ts"
import * as SocketStream from "./SocketStream.ts"
import type * as Tls from "./Tls.ts"

// Errors -------------------------------------------------------------------------------------------------------------

/** Effect's code for the end of input, and for an end without one. */
const normalClosure = 1000
const abnormalClosure = 1006

const closeReason = (code: number, reason?: string): Socket.SocketErrorReason =>
  new Socket.SocketCloseError({ code, closeReason: reason })

const readReason = (cause: NetworkError): Socket.SocketErrorReason => {
  switch (cause.reason._tag) {
    case "UnexpectedEof":
      return closeReason(normalClosure)
    case "Closed":
      return closeReason(abnormalClosure)
    default:
      return new Socket.SocketReadError({ cause })
  }
}

const openReason = (cause: NetworkError): Socket.SocketErrorReason =>
  new Socket.SocketOpenError({ kind: cause.reason._tag === "TimedOut" ? "Timeout" : "Unknown", cause })

const effectReason: { readonly [K in Operation]: (cause: NetworkError) => Socket.SocketErrorReason } = {
  read: readReason,
  write: (cause) => new Socket.SocketWriteError({ cause }),
  close: (cause) => new Socket.SocketWriteError({ cause }),
  tls: (cause) => new Socket.SocketUpgradeError({ cause }),
  open: openReason,
  connect: openReason,
  listen: openReason,
  accept: openReason
}

/**
 * Our error as effect's, by its operation: `SocketReadError`, `SocketWriteError`, `SocketOpenError` or
 * `SocketUpgradeError`, with ours as the `cause`. A read that found the end of input is `SocketCloseError` 1000, one
 * after `close` is 1006.
 */
export const toEffectError = (error: NetworkError): Socket.SocketError =>
  new Socket.SocketError({ reason: effectReason[error.operation](error) })

const tlsReason = (cause: unknown): Reason => {
  const reason = reasonFromCause(cause)
  return reason._tag === "Unknown" ? { ...reason, _tag: "Tls" } : reason
}

const ourReason: {
  readonly [K in Socket.SocketErrorReason["_tag"]]: readonly [
    Operation,
    (reason: Extract<Socket.SocketErrorReason, { _tag: K }>) => Reason
  ]
} = {
  SocketReadError: ["read", ({ cause }) => reasonFromCause(cause)],
  SocketWriteError: ["write", ({ cause }) => reasonFromCause(cause)],
  SocketOpenError: ["open", ({ cause, kind }) => (kind === "Timeout" ? { _tag: "TimedOut" } : reasonFromCause(cause))],
  SocketUpgradeError: [
    "tls",
    ({ cause }) => (cause === undefined ? { _tag: "Unsupported", detail: "TLS on this socket" } : tlsReason(cause))
  ],
  SocketCloseError: [
    "read",
    ({ closeReason, code }) =>
      code === normalClosure
        ? { _tag: "UnexpectedEof", expected: 1, received: 0 }
        : code === abnormalClosure
          ? { _tag: "ConnectionReset" }
          : { _tag: "Unknown", code: String(code), detail: closeReason ?? "closed" }
  ]
}

/**
 * Effect's error as ours: the one that it carries, or one made of its system error's `code`. Close code 1000 is
 * `UnexpectedEof`, 1006 is `ConnectionReset`. `address` is what the error names.
 */
export const fromEffectError = ({ reason }: Socket.SocketError, address = "unknown"): NetworkError => {
  if ("cause" in reason && isNetworkError(reason.cause)) return reason.cause
  const [operation, words] = ourReason[reason._tag]
  return NetworkError.make({
    operation,
    address,
    reason: (words as (reason: Socket.SocketErrorReason) => Reason)(reason)
  })
}

const isOrderly = (exit: Exit.Exit<unknown, unknown>): boolean =>
  Exit.isSuccess(exit) || exit.cause.reasons.every((reason) => Cause.isInterruptReason(reason) || isClose(reason))

/** The error of effect's that a program failed with, or died of: its handlers like `Effect.orDie`. */
const effectError = (reason: Cause.Reason<unknown>): Socket.SocketError | undefined => {
  const error = Cause.isFailReason(reason) ? reason.error : Cause.isDieReason(reason) ? reason.defect : undefined
  return Socket.isSocketError(error) ? error : undefined
}

const isClose = (reason: Cause.Reason<unknown>): boolean => effectError(reason)?.reason._tag === "SocketCloseError"

// Streams as effect's sockets ----------------------------------------------------------------------------------------

type Batch = Arr.NonEmptyReadonlyArray<Uint8Array>

const encoder = new TextEncoder()
const bytesOf = (chunk: Uint8Array | string): Uint8Array => (typeof chunk === "string" ? encoder.encode(chunk) : chunk)

/** All that has come. The end of input is an error in effect's model, so it is one here already. */
const nextBatch: ReadAttempt<Batch> = (core) => {
  const { input } = core
  if (input.size > 0) {
    const batch: Arr.NonEmptyArray<Uint8Array> = [input.shift()]
    while (input.size > 0) batch.push(input.shift())
    return Effect.succeed(batch)
  }
  if (core.ended) return Effect.fail(core.error("read", { _tag: "UnexpectedEof", expected: 1, received: 0 }))
  const error = core.inputError()
  return error && Effect.fail(error)
}

/** One write for the batch: it is sent as a whole or not at all, and no other write comes between. */
const joined = (chunks: Arr.NonEmptyReadonlyArray<Uint8Array | string>): Uint8Array | string => {
  if (chunks.length === 1) return chunks[0]
  if (chunks.every((chunk) => typeof chunk === "string")) return chunks.join("")
  const parts = chunks.map(bytesOf)
  const all = new Uint8Array(parts.reduce((size, part) => size + part.length, 0))
  let at = 0
  for (const part of parts) {
    all.set(part, at)
    at += part.length
  }
  return all
}

/** Both ends that effect's model gives to one stream, and what closing their scopes does. */
const endsOf = (core: StreamCore, side: Tls.HandshakeOptions["side"]) => {
  let closedWith: Socket.CloseEvent | undefined
  const pull = Effect.mapError(core.read(nextBatch), (error) =>
    closedWith !== undefined && error.reason._tag === "Closed"
      ? new Socket.SocketError({ reason: closeReason(closedWith.code, closedWith.reason) })
      : toEffectError(error)
  )
  const write = (chunk: Uint8Array | string) => Effect.mapError(core.write(chunk), toEffectError)
  return {
    reader: {
      pull,
      upgrade: (options = {}) =>
        tlsOptions(core, side, options).pipe(
          Effect.flatMap((tls) => SocketStream.upgradeTls(core, tls)),
          Effect.mapBoth({ onSuccess: () => undefined, onFailure: toEffectError })
        )
    } satisfies Socket.Reader<Uint8Array>,
    writer: {
      writeAll: (chunks) => Effect.suspend(() => write(joined(chunks))),
      write: (chunk) =>
        Effect.suspend(() => {
          if (!Socket.isCloseEvent(chunk)) return write(chunk)
          closedWith ??= chunk
          if (chunk.code === normalClosure) core.beginClose()
          else core.abort()
          return Effect.void
        })
    } satisfies Socket.Writer,
    /** Nobody waits here for the descriptor: that is for whoever owns the stream. */
    close: (exit: Exit.Exit<unknown, unknown>) =>
      Effect.sync(() => (isOrderly(exit) ? core.beginClose() : core.abort())),
    endWrite: (exit: Exit.Exit<unknown, unknown>) =>
      Effect.sync(() => (isOrderly(exit) ? core.endWrite() : core.abort()))
  }
}

const texts = (input: string | Uint8Array | ReadonlyArray<string | Uint8Array>): ReadonlyArray<string> =>
  Arr.ensure(input).map((text) => (typeof text === "string" ? text : new TextDecoder().decode(text)))

/** Effect's options of an upgrade in our words, or why they cannot be had. */
const tlsOptions = (
  core: StreamCore,
  side: Tls.HandshakeOptions["side"],
  { alpnProtocols, ca, cert, key, passphrase, rejectUnauthorized, requestCert, servername }: Socket.TlsUpgradeOptions
): Effect.Effect<Tls.HandshakeOptions, NetworkError> => {
  const certs = cert === undefined ? [] : texts(cert)
  const keys = key === undefined ? [] : texts(Arr.ensure(key).map((key) => Redacted.value(key)))
  if (keys.length > 1 || certs.length > 1 || passphrase !== undefined) {
    const detail = "several certificates, or a key with a passphrase, in an upgrade"
    return Effect.fail(core.error("tls", { _tag: "Unsupported", detail }))
  }
  if (keys.length !== certs.length || (side === "server" && keys.length === 0)) {
    const detail = "a certificate and its key belong together, and a server needs both"
    return Effect.fail(core.error("tls", { _tag: "Tls", code: "NO_IDENTITY", detail }))
  }
  const identity = { cert: certs[0], key: keys[0] }
  const common = { ca: ca === undefined ? undefined : texts(ca), alpnProtocols }
  if (side === "server") {
    const required = rejectUnauthorized === false ? "optional" : "required"
    const clientCertificate = requestCert === true ? required : "none"
    return Effect.succeed({ side, options: { ...common, identity, clientCertificate } })
  }
  const own = keys.length === 0 ? undefined : identity
  return Effect.succeed({ side, options: { ...common, servername, rejectUnauthorized, identity: own } })
}

const source = Symbol("@effect-sockets/socket/EffectSocket")

/** How a stream becomes effect's socket. */
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
 */
export const toSocket = (stream: SocketStream.SocketStream, options: ToSocketOptions = {}): Socket.Socket => {
  const ends = endsOf(stream as StreamCore, options.side ?? "client")
  const socket = Socket.make({
    reader: Effect.acquireRelease(Effect.succeed(ends.reader), (_, exit) => ends.close(exit)),
    writer: Effect.acquireRelease(Effect.succeed(ends.writer), (_, exit) => ends.endWrite(exit))
  })
  return Object.assign(socket, { [source]: stream })
}

/** The stream behind a socket of `toSocket` or of `layerServer`, for its addresses; none for other sockets. */
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
 * @example
 * const socket = EffectSocket.make(SocketStream.open("localhost", 4141))
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
      const connection = endsOf(stream as StreamCore, "client")
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

/** As `make`, as the service that effect's clients (`RpcClient.layerProtocolSocket`, `DevToolsClient`) ask for. */
export const layer = <R>(
  open: Effect.Effect<SocketStream.SocketStream, NetworkError, R>
): Layer.Layer<Socket.Socket, never, Exclude<R, Scope.Scope>> => Layer.effect(Socket.Socket, make(open))

// Servers ------------------------------------------------------------------------------------------------------------

/** How the port is opened and its connections are served. */
export interface ServerOptions extends ServerSocket.Options, Server.Options {}

const carried = (reason: Cause.Reason<unknown>): NetworkError | undefined => {
  const inner = effectError(reason)?.reason
  return inner !== undefined && "cause" in inner && isNetworkError(inner.cause) ? inner.cause : undefined
}

/** Effect's handlers fail when their peer ends, and die (RPC) when it breaks: neither is the handler's fault. */
const settle = (cause: Cause.Cause<unknown>): Effect.Effect<void, unknown> => {
  if (!Cause.hasInterrupts(cause) && isOrderly(Exit.failCause(cause))) return Effect.void
  const error = cause.reasons.map(carried).find((error) => error !== undefined)
  return error === undefined ? Effect.failCause(cause) : Effect.fail(error)
}

/**
 * Effect's `SocketServer` over `ServerSocket.listen` and `Server.serve`: bounds, access, deadlines and the graceful stop
 * for programs that know nothing of them. The port is open until the scope closes; connections wait in its queue until
 * `run` takes them.
 *
 * `run` once: its interruption is the graceful stop, which also closes the port. A handler that waits in `pull` and owes
 * no answer to what it got is between two messages then. Ends of input and broken connections are no errors of a handler;
 * what else it fails with goes to `onError`.
 *
 * **Errors**: `SocketServerOpenError` where `listen` fails; `SocketServerUnknownError` from `run` when the listener breaks
 * or was closed. Ours is their `cause`.
 */
export const makeServer = Effect.fnUntraced(function* (
  target: number | NetAddress.SocketAddress,
  options: ServerOptions = {}
): Effect.fn.Return<SocketServer.SocketServer["Service"], SocketServer.SocketServerError, Network | Scope.Scope> {
  const server = yield* Effect.mapError(
    ServerSocket.listen(target, options),
    (cause) => new SocketServer.SocketServerError({ reason: new SocketServer.SocketServerOpenError({ cause }) })
  )
  const run = <R, E, _>(handler: (socket: Socket.Socket) => Effect.Effect<_, E, R>) =>
    Server.serve(
      server,
      (stream) => Effect.catchCause(handler(toSocket(stream, { side: "server" })), settle),
      options
    ).pipe(
      Effect.mapError(
        (cause) => new SocketServer.SocketServerError({ reason: new SocketServer.SocketServerUnknownError({ cause }) })
      )
    ) as Effect.Effect<never, SocketServer.SocketServerError, R>
  return SocketServer.SocketServer.of({ address: server.address, run })
})

/** As `makeServer`, as the service that effect's servers (`RpcServer`, `DevToolsServer`, `SocketRunner`) ask for. */
export const layerServer = (
  target: number | NetAddress.SocketAddress,
  options?: ServerOptions
): Layer.Layer<SocketServer.SocketServer, SocketServer.SocketServerError, Network> =>
  Layer.effect(SocketServer.SocketServer, makeServer(target, options))

// Effect's sockets as streams ----------------------------------------------------------------------------------------

/** What effect's socket does not tell, and the limits of the stream. */
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
 * **Errors** as `fromEffectError` has them. **Interruption** leaves no connection.
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
      const ours = (error: Socket.SocketError) => fromEffectError(error, NetAddress.formatSocketAddress(remoteAddress))
      const reader = yield* restore(Scope.provide(socket.reader, readScope)).pipe(
        Effect.onError((cause) => Scope.close(readScope, Exit.failCause(cause))),
        Effect.mapError(ours)
      )
      const writer = yield* Scope.provide(socket.writer, writeScope)
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
