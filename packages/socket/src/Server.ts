/**
 * The loop of a server: accept, and handle each connection in a fiber of its own under a bounded number of permits.
 *
 * Whose is a connection? The queue's until a permit is free; from then on its handler's, whose exit decides how it ends:
 *
 * - the handler succeeds: FIN after everything that was written, then a bounded linger;
 * - it fails, dies or is interrupted: RST, so that the peer can tell;
 * - it ends in order while the server stops and nothing is under way: FIN.
 */
import * as Cause from "effect/Cause"
import * as Deferred from "effect/Deferred"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import { dual } from "effect/Function"
import * as Latch from "effect/Latch"
import type * as NetAddress from "effect/net/NetAddress"
import type * as Scope from "effect/Scope"
import * as Semaphore from "effect/Semaphore"
import type { StreamCore, StreamLimits } from "./internal/StreamCore.ts"
import * as ServerSocket from "./ServerSocket.ts"
import { isSocketError, type SocketError } from "./SocketError.ts"
import { limitsFrom, type Options as StreamOptions, type SocketStream } from "./SocketStream.ts"

/** How connections are served. Options of streams that are left out are as `ServerSocket.listen` was told. */
export interface Options<R = never> extends StreamOptions {
  /**
   * Connections handled at once, at least 1; others wait in the server socket's queue. Default: the network's capacity,
   * which is taken from the process's descriptor limit and at most 10,000.
   */
  readonly maxConnections?: number | undefined
  /** How long connections that are in use may go on when the server stops. Default 10 seconds. */
  readonly drainTimeout?: Duration.Input | undefined
  /**
   * Hears why a handler failed or died. Default: logs it as an error with the peer's address, except for a connection
   * that was reset or timed out, which is ordinary.
   */
  readonly onError?: ((cause: Cause.Cause<unknown>, stream: SocketStream) => Effect.Effect<void, never, R>) | undefined
}

/** How the connections ended that were open when a server was stopped. */
export interface Report {
  /** In order: by themselves within `drainTimeout`, or idle. */
  readonly drained: number
  /** Reset when `drainTimeout` had passed. */
  readonly aborted: number
}

/** A running server. */
export interface Server {
  readonly address: NetAddress.SocketAddress
  /** Connections that are being handled now. */
  readonly connections: Effect.Effect<number>
  /** Stops in order and tells how. A second call gives the same report. **Interruption**: the stop goes on. */
  readonly stop: Effect.Effect<Report>
  /** Never succeeds; fails when the listener breaks, or with `Closed` when the server is stopped. */
  readonly await: Effect.Effect<never, SocketError>
}

const ordinary: ReadonlySet<string> = new Set(["ConnectionReset", "TimedOut", "Closed", "Tls"])

const logError = (cause: Cause.Cause<unknown>, stream: SocketStream): Effect.Effect<void> => {
  const error = Cause.squash(cause)
  return isSocketError(error) && ordinary.has(error.reason._tag)
    ? Effect.void
    : Effect.logError(`${String(stream)}: the handler failed`, cause)
}

interface Active {
  readonly core: StreamCore
  fiber: Fiber.Fiber<void> | undefined
  /** The server stops and found it between two messages: its end is orderly. */
  idle: boolean
}

const defaultDrain = Duration.seconds(10)
/** How long a reset connection's handler may take to notice, in its finalizers, before the server goes without it. */
const abortGrace = Duration.seconds(1)

class Loop<R> {
  readonly report = Deferred.makeUnsafe<Report>()
  private readonly active = new Set<Active>()
  private readonly socket: ServerSocket.ServerSocketImpl
  private readonly handler: Handler<R>
  private readonly options: Options<R>
  private readonly limits: StreamLimits
  private readonly permits: Semaphore.Semaphore
  private readonly empty = Latch.makeUnsafe(true)

  constructor(socket: ServerSocket.ServerSocketImpl, handler: Handler<R>, options: Options<R>) {
    this.socket = socket
    this.handler = handler
    this.options = options
    this.limits = limitsFrom(options, socket.queue.limits)
    this.permits = Semaphore.makeUnsafe(options.maxConnections ?? socket.capacity)
  }

  get size(): number {
    return this.active.size
  }

  /** A permit, a connection, a fiber. Only the two waits can be interrupted, and neither holds a connection. */
  get run(): Effect.Effect<never, SocketError, R> {
    return Effect.uninterruptibleMask((restore) => {
      const next = Effect.flatMap(restore(this.permits.take(1)), () =>
        ServerSocket.take(this.socket, restore).pipe(
          Effect.onError(() => this.permits.release(1)),
          Effect.flatMap((core) => this.fork(core))
        )
      )
      return Effect.ensuring(Effect.forever(next, { disableYield: true }), this.drain)
    })
  }

  /** From here the connection is its handler's. */
  private fork(core: StreamCore): Effect.Effect<void, never, R> {
    core.limits = this.limits
    const active: Active = { core, fiber: undefined, idle: false }
    this.active.add(active)
    this.empty.closeUnsafe()
    const handled = Effect.suspend(() => this.handler(core)).pipe(
      Effect.scoped,
      Effect.interruptible,
      Effect.exit,
      Effect.flatMap((exit) => this.end(active, exit))
    ) as Effect.Effect<void, never, R>
    return Effect.map(Effect.forkDetach(handled, { startImmediately: true, uninterruptible: true }), (fiber) => {
      active.fiber = fiber
    })
  }

  private end(active: Active, exit: Exit.Exit<unknown, unknown>): Effect.Effect<void, never, R> {
    const { core } = active
    if (Exit.isSuccess(exit)) core.beginClose()
    else if (active.idle) core.endNow()
    else core.abort()
    return Effect.flatMap(core.awaitGone(), () => {
      this.active.delete(active)
      if (this.active.size === 0) this.empty.openUnsafe()
      const released = this.permits.release(1)
      if (Exit.isSuccess(exit) || Cause.hasInterruptsOnly(exit.cause)) return Effect.asVoid(released)
      return Effect.andThen(
        released,
        Effect.suspend(() => (this.options.onError ?? logError)(exit.cause, core))
      )
    })
  }

  /** The graceful stop: no wait in it is longer than its bound. */
  private readonly drain: Effect.Effect<void> = Effect.gen({ self: this }, function* () {
    yield* ServerSocket.close(this.socket)
    const open = this.active.size
    for (const active of this.active) {
      active.core.onIdle = () => endIdle(active)
      if (active.core.isIdle) endIdle(active)
    }
    yield* Effect.timeoutOption(this.empty.await, this.options.drainTimeout ?? defaultDrain)
    const aborted = this.active.size
    for (const { core, fiber } of this.active) {
      core.abort()
      fiber?.interruptUnsafe()
    }
    yield* Effect.timeoutOption(this.empty.await, abortGrace)
    const report: Report = { drained: open - aborted, aborted }
    yield* Effect.logDebug("server stopped", report)
    Deferred.doneUnsafe(this.report, Exit.succeed(report))
  })
}

const endIdle = (active: Active): void => {
  active.idle = true
  active.fiber?.interruptUnsafe()
}

/** What a server does with each connection. Its scope ends with the connection. */
export type Handler<R = never> = (stream: SocketStream) => Effect.Effect<unknown, unknown, R>

const loop = <R>(socket: ServerSocket.ServerSocket, handler: Handler<R>, options: Options<R> = {}) =>
  new Loop(socket as ServerSocket.ServerSocketImpl, handler, options)

/**
 * Accepts connections for ever and handles each in a fiber of its own. A handler's failure, defect or interruption ends
 * its own connection and nothing else.
 *
 * **Errors**: `Closed` when the port is closed by somebody else; why the listener broke.
 * **Interruption** is the graceful stop: the port closes at once, connections between two messages end with FIN, those
 * in use get `drainTimeout`, the rest are reset. It ends within `drainTimeout` and a second.
 */
export const serve: {
  <R>(
    handler: Handler<R>,
    options?: Options<R>
  ): (self: ServerSocket.ServerSocket) => Effect.Effect<never, SocketError, Exclude<R, Scope.Scope>>
  <R>(
    self: ServerSocket.ServerSocket,
    handler: Handler<R>,
    options?: Options<R>
  ): Effect.Effect<never, SocketError, Exclude<R, Scope.Scope>>
} = dual(
  (args) => ServerSocket.isServerSocket(args[0]),
  <R>(
    self: ServerSocket.ServerSocket,
    handler: Handler<R>,
    options?: Options<R>
  ): Effect.Effect<never, SocketError, Exclude<R, Scope.Scope>> =>
    Effect.suspend(() => loop(self, handler, options).run) as Effect.Effect<never, SocketError, Exclude<R, Scope.Scope>>
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
      stop: Effect.andThen(Fiber.interrupt(fiber), Deferred.await(server.report)),
      await: Effect.catchCauseIf(Fiber.join(fiber), Cause.hasInterruptsOnly, () =>
        Effect.fail(ServerSocket.closedError(self.address))
      )
    } satisfies Server
  })
)
