/**
 * The loop of a server: accept, and handle each connection in a fiber of its own under a bounded number of permits.
 *
 * Whose is a connection? The queue's until a permit is free; from then on its handler's, whose exit decides how it ends:
 *
 * - the handler succeeds: FIN after everything that was written, then a bounded linger;
 * - it fails, dies or is interrupted: RST, so that the peer can tell;
 * - the server ends it between two messages (it waits for input, nothing is buffered in either direction, and what it
 *   read last was answered): FIN.
 *
 * A connection that breaks fails the read or write that waits on it. If its handler is busy elsewhere, it is
 * interrupted: nobody waits for its answer, and its permit comes back.
 */
import * as Cause from "effect/Cause"
import * as Deferred from "effect/Deferred"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import { dual } from "effect/Function"
import type * as NetAddress from "effect/net/NetAddress"
import type * as Scope from "effect/Scope"
import type { Refusal, Rules } from "./internal/server/AdmissionRules.ts"
import { ServerLoop } from "./internal/server/ServerLoop.ts"
import * as ServerSocket from "./ServerSocket.ts"
import type { NetworkError } from "./NetworkError.ts"
import type { Options as StreamOptions, SocketStream } from "./SocketStream.ts"

export type {
  /** Why a connection was refused. */
  Refusal
}

/** What a server does with each connection. Its scope ends with the connection. */
export type Handler<R = never> = (stream: SocketStream) => Effect.Effect<unknown, unknown, R>

/** How connections are served. Options of streams that are left out are as `ServerSocket.listen` was told. */
export interface Options<R = never> extends StreamOptions, Rules {
  /**
   * Connections handled at once, at least 1; others wait in the server socket's queue. Default: the network's capacity,
   * which is taken from the process's descriptor limit and at most 10,000.
   */
  readonly maxConnections?: number | undefined
  /**
   * How long a peer may send nothing; what this side sends does not count. Then the connection is ended: with FIN between
   * two messages, otherwise with RST. Looked at every quarter of it, at most every second. Default: for ever.
   */
  readonly idleTimeout?: Duration.Input | undefined
  /** How long a connection may last, whatever it does; it ends as for `idleTimeout`. Default: for ever. */
  readonly maxAge?: Duration.Input | undefined
  /** How long connections that are in use may go on when the server stops. Default 10 seconds. */
  readonly drainTimeout?: Duration.Input | undefined
  /**
   * Hears why a handler failed or died. Default: logs it as an error with the peer's address, except for a connection
   * that was reset, timed out or failed its TLS handshake, which is ordinary and only counted.
   */
  readonly onError?: ((cause: Cause.Cause<unknown>, stream: SocketStream) => Effect.Effect<void, never, R>) | undefined
  /** Hears who was refused and why. Default: refusals are only counted (`SocketMetrics`). */
  readonly onRefused?: ((peer: NetAddress.SocketAddress, refusal: Refusal) => Effect.Effect<void, never, R>) | undefined
}

/** How the connections ended that were open when a server was stopped. */
export interface Report {
  /** In order: by themselves within `drainTimeout`, or between two messages. */
  readonly drained: number
  /** Reset when `drainTimeout` had passed. */
  readonly aborted: number
}

/** A running server. */
export interface Server {
  readonly address: NetAddress.SocketAddress
  /** Connections that are being handled now. */
  readonly connections: Effect.Effect<number>
  /** Changes `maxConnections`. Connections beyond a smaller bound go on; new ones wait for their end. */
  readonly setMaxConnections: (maxConnections: number) => Effect.Effect<void>
  /** Stops in order and tells how. A second call gives the same report. **Interruption**: the stop goes on. */
  readonly stop: Effect.Effect<Report>
  /** Never succeeds; fails when the listener breaks, or with `Closed` when the server is stopped. */
  readonly await: Effect.Effect<never, NetworkError>
}

const loop = <R>(socket: ServerSocket.ServerSocket, handler: Handler<R>, options: Options<R> = {}) =>
  new ServerLoop(socket as ServerSocket.ServerSocketImpl, handler, options)

/**
 * Accepts connections for ever and handles each in a fiber of its own. A handler's failure, defect or interruption ends
 * its own connection and nothing else.
 *
 * **Errors**: `Closed` when the port is closed by somebody else; why the listener broke; `Unsupported` for
 * `proxyProtocol` on a port that was opened with `tls`.
 * **Interruption** is the graceful stop: the port closes at once, connections between two messages end with FIN, those
 * in use get `drainTimeout`, the rest are reset. It ends within `drainTimeout` and a second.
 */
export const serve: {
  <R>(
    handler: Handler<R>,
    options?: Options<R>
  ): (self: ServerSocket.ServerSocket) => Effect.Effect<never, NetworkError, Exclude<R, Scope.Scope>>
  <R>(
    self: ServerSocket.ServerSocket,
    handler: Handler<R>,
    options?: Options<R>
  ): Effect.Effect<never, NetworkError, Exclude<R, Scope.Scope>>
} = dual(
  (args) => ServerSocket.isServerSocket(args[0]),
  <R>(
    self: ServerSocket.ServerSocket,
    handler: Handler<R>,
    options?: Options<R>
  ): Effect.Effect<never, NetworkError, Exclude<R, Scope.Scope>> =>
    // Each connection brings the handler's scope.
    Effect.suspend(() => loop(self, handler, options).run) as Effect.Effect<
      never,
      NetworkError,
      Exclude<R, Scope.Scope>
    >
)

/**
 * Serves in the background until the scope closes, which stops the server as an interruption of `serve` does.
 */
export const start: {
  <R>(
    handler: Handler<R>,
    options?: Options<R>
  ): (self: ServerSocket.ServerSocket) => Effect.Effect<Server, never, R | Scope.Scope>
  <R>(
    self: ServerSocket.ServerSocket,
    handler: Handler<R>,
    options?: Options<R>
  ): Effect.Effect<Server, never, R | Scope.Scope>
} = dual(
  (args) => ServerSocket.isServerSocket(args[0]),
  Effect.fnUntraced(function* <R>(self: ServerSocket.ServerSocket, handler: Handler<R>, options?: Options<R>) {
    const server = loop(self, handler, options)
    const fiber = yield* Effect.forkScoped(server.run, { startImmediately: true })
    return {
      address: self.address,
      connections: Effect.sync(() => server.size),
      setMaxConnections: (maxConnections) => server.permits.resize(maxConnections),
      stop: Effect.andThen(Fiber.interrupt(fiber), Deferred.await(server.report)),
      await: Effect.catchCauseIf(Fiber.join(fiber), Cause.hasInterruptsOnly, () =>
        Effect.fail(ServerSocket.closedError(self.address))
      )
    } satisfies Server
  })
)
