/**
 * Servers of this package for programs that are written for effect's `SocketServer` (`DevToolsServer`, cluster runners):
 * the bounds, access lists, deadlines and the graceful stop of `ServerSocket` and `Server`, over any `Network`. How a
 * connection ends is said on the page of `EffectSocket`. For RPC there is `EffectSocketRpc`, which knows what a request
 * is.
 */
import * as Cause from "effect/Cause"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import type * as NetAddress from "effect/net/NetAddress"
import type * as Scope from "effect/Scope"
import type * as Socket from "effect/socket/Socket"
import * as SocketServer from "effect/socket/SocketServer"
import { toSocket } from "./EffectSocket.ts"
import { effectError, isOrderly } from "./internal/effect/EffectErrors.ts"
import { problem } from "./internal/server/ServerOptions.ts"
import type { Network } from "./Network.ts"
import { isNetworkError, make as makeError, type NetworkError } from "./NetworkError.ts"
import * as Server from "./Server.ts"
import * as ServerSocket from "./ServerSocket.ts"

/**
 * How the port is opened and its connections are served.
 *
 * ```ts
 * import type * as EffectSocketServer from "@effect-sockets/socket/EffectSocketServer"
 *
 * const options: EffectSocketServer.Options = { maxConnections: 1000, maxPerPeer: 50, drainTimeout: "20 seconds" }
 * options.maxPerPeer // => 50
 * ```
 *
 * @category options
 * @since 0.1.0
 */
export interface Options extends ServerSocket.Options, Server.Options {}

/**
 * The running server beside effect's service, for what effect's model has no words for.
 *
 * ```ts
 * import * as EffectSocketServer from "@effect-sockets/socket/EffectSocketServer"
 * import * as MemoryNetwork from "@effect-sockets/socket/MemoryNetwork"
 * import { Effect, Layer } from "effect"
 *
 * const live = Layer.provide(EffectSocketServer.layer(4141), MemoryNetwork.layer())
 * const program = EffectSocketServer.EffectSocketServer.use((server) => server.stop)
 * const report = await program.pipe(Effect.provide(live), Effect.runPromise)
 * report // => { drained: 0, aborted: 0 }
 * ```
 *
 * @category services
 * @since 0.1.0
 */
export class EffectSocketServer extends Context.Service<
  EffectSocketServer,
  SocketServer.SocketServer["Service"] & {
    /** Closes the port for new connections only: those that are open, or wait in the queue, go on. */
    readonly suspend: Effect.Effect<void>
    /**
     * Stops in order and tells how, while all else of the program is still there. A second call gives the same report.
     * `run` fails with `Closed` then. **Interruption**: the stop goes on.
     */
    readonly stop: Effect.Effect<Server.Report>
  }
>()("@effect-sockets/socket/EffectSocketServer") {}

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

const opening = (cause: NetworkError) =>
  new SocketServer.SocketServerError({ reason: new SocketServer.SocketServerOpenError({ cause }) })

const serving = (cause: NetworkError) =>
  new SocketServer.SocketServerError({ reason: new SocketServer.SocketServerUnknownError({ cause }) })

/**
 * Effect's `SocketServer` over `ServerSocket.listen` and `Server.serve`. The port is open until the scope closes;
 * connections wait in its queue until `run` takes them.
 *
 * `run` once: its interruption is the graceful stop, which also closes the port. A handler that waits in `pull` and owes
 * no answer to what it got is between two messages then. Ends of input and broken connections are no errors of a handler;
 * what else it fails with goes to `onError`.
 *
 * **Errors**: `SocketServerOpenError` where `listen` fails, or an option cannot be meant; `SocketServerUnknownError`
 * from `run` when the listener breaks or was closed. Ours is their `cause`. **Interruption** leaves the port closed.
 *
 * ```ts
 * import * as EffectSocketServer from "@effect-sockets/socket/EffectSocketServer"
 * import * as MemoryNetwork from "@effect-sockets/socket/MemoryNetwork"
 * import { Effect } from "effect"
 * import * as NetAddress from "effect/net/NetAddress"
 *
 * const program = Effect.map(EffectSocketServer.make(4141), ({ address }) => NetAddress.formatSocketAddress(address))
 * await program.pipe(Effect.scoped, Effect.provide(MemoryNetwork.layer()), Effect.runPromise) // => "127.0.0.1:4141"
 * ```
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = Effect.fnUntraced(function* (
  target: number | NetAddress.SocketAddress,
  options: Options = {}
): Effect.fn.Return<EffectSocketServer["Service"], SocketServer.SocketServerError, Network | Scope.Scope> {
  // Before the port is open: `run` would be too late to say that nothing can be served.
  const invalid = problem(options)
  if (invalid !== undefined)
    return yield* opening(makeError("listen", typeof target === "number" ? String(target) : target, invalid))
  const socket = yield* Effect.mapError(ServerSocket.listen(target, options), opening)
  let running: Server.Server | undefined
  const run = <R, E, _>(handler: (socket: Socket.Socket) => Effect.Effect<_, E, R>) =>
    Effect.scoped(
      Server.start(
        socket,
        (stream) => Effect.catchCause(handler(toSocket(stream, { side: "server" })), settle),
        options
      ).pipe(
        Effect.flatMap((server) => {
          running ??= server
          return server.await
        }),
        Effect.mapError(serving)
      )
    ) as Effect.Effect<never, SocketServer.SocketServerError, R>
  const nothing: Server.Report = { drained: 0, aborted: 0 }
  return EffectSocketServer.of({
    address: socket.address,
    run,
    suspend: ServerSocket.suspend(socket),
    stop: Effect.suspend(() => running?.stop ?? Effect.as(ServerSocket.close(socket), nothing))
  })
})

/**
 * As `make`, as the service that effect's servers ask for, and as the handle that stops it.
 *
 * A program that depends on the layer is released before it: what must answer during the stop has to be stopped by
 * `stop`, not by its release.
 *
 * ```ts
 * import * as EffectSocketServer from "@effect-sockets/socket/EffectSocketServer"
 * import * as MemoryNetwork from "@effect-sockets/socket/MemoryNetwork"
 * import { Effect, Layer } from "effect"
 * import * as SocketServer from "effect/socket/SocketServer"
 *
 * const live = Layer.provide(EffectSocketServer.layer(4141), MemoryNetwork.layer())
 * await SocketServer.SocketServer.useSync(({ address }) => address._tag).pipe(Effect.provide(live), Effect.runPromise) // => "InetAddressV4"
 * ```
 *
 * @category layers
 * @since 0.1.0
 */
export const layer = (
  target: number | NetAddress.SocketAddress,
  options?: Options
): Layer.Layer<SocketServer.SocketServer | EffectSocketServer, SocketServer.SocketServerError, Network> =>
  Layer.effectContext(
    Effect.map(make(target, options), (server) =>
      Context.make(EffectSocketServer, server).pipe(
        Context.add(SocketServer.SocketServer, SocketServer.SocketServer.of(server))
      )
    )
  )
