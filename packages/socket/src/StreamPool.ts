/**
 * Connections that are kept for the next exchange: a pool over effect's `Pool`, which never hands out one whose peer has
 * left, and never takes back one that was left in the middle of an exchange.
 *
 * `SocketStream.open`, a `Dialer` or anything else that gives streams says how to connect. Whether the server is there
 * is asked by each use anew: a pool of a server that was away works again as soon as that is back.
 */
import * as InvalidOption from "@effect-sockets/resolver/InvalidOption"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import { dual } from "effect/Function"
import * as Pool from "effect/Pool"
import * as Scope from "effect/Scope"
import type { StreamState } from "./internal/stream/StreamState.ts"
import * as NetworkError from "./NetworkError.ts"
import * as SocketStream from "./SocketStream.ts"

const TypeId = "~@effect-sockets/socket/StreamPool"

/**
 * How many connections a pool has, and how long it waits.
 *
 * ```ts
 * import type * as StreamPool from "@effect-sockets/socket/StreamPool"
 * const options: StreamPool.Options = { max: 4, idleTimeout: "10 seconds", acquireTimeout: "1 second" }
 * options.max // => 4
 * ```
 *
 * @category options
 * @since 0.1.0
 */
export interface Options {
  /** Connections at most, at least 1. Who finds them all in use waits. Default 10. */
  readonly max?: number | undefined
  /**
   * How long a connection may lie unused. Then, or up to as long again later, it is closed. Default 1 minute: shorter than
   * what most servers and firewalls allow, so that this end is mostly the first.
   */
  readonly idleTimeout?: Duration.Input | undefined
  /**
   * How long one use waits for a connection, that is for its turn and for a connect. Then it fails with `TimedOut`.
   * Default 10 seconds.
   */
  readonly acquireTimeout?: Duration.Input | undefined
}

const checks = {
  max: InvalidOption.integer(1),
  idleTimeout: InvalidOption.positiveDuration,
  acquireTimeout: InvalidOption.positiveDuration
} as const

/**
 * How one use behaves.
 *
 * ```ts
 * import type * as StreamPool from "@effect-sockets/socket/StreamPool"
 * const options: StreamPool.UseOptions = { repeatable: true }
 * options.repeatable // => true
 * ```
 *
 * @category options
 * @since 0.1.0
 */
export interface UseOptions {
  /**
   * The exchange does no harm if it is done twice. One that fails on a connection that was used before, and that has ended
   * or broken without a byte of an answer, is done again on another: the peer most likely left before the question came.
   * Nobody can know. Default `false`.
   */
  readonly repeatable?: boolean | undefined
}

/** A connection of the pool. */
class Pooled {
  readonly stream: SocketStream.SocketStream
  isInUse = false
  /** There was an exchange on it before. */
  wasUsed = false

  constructor(stream: SocketStream.SocketStream) {
    this.stream = stream
  }
}

/**
 * Connections to one server.
 *
 * ```ts
 * import * as StreamPool from "@effect-sockets/socket/StreamPool"
 * import * as SocketStream from "@effect-sockets/socket/SocketStream"
 * import { Effect } from "effect"
 * const ask = (pool: StreamPool.StreamPool, question: string) =>
 *   StreamPool.use(pool, (stream) =>
 *     Effect.andThen(SocketStream.writeLine(stream, question), SocketStream.readLine(stream)))
 * ask.length // => 2
 * ```
 *
 * @category models
 * @since 0.1.0
 */
export interface StreamPool {
  readonly [TypeId]: typeof TypeId
}

interface State extends StreamPool {
  readonly pool: Pool.Pool<Pooled, NetworkError.NetworkError>
  /** Milliseconds. */
  readonly acquireTimeout: number
}

/**
 * A pool, which opens no connection before one is needed. The scope owns it and all its streams: closed with success they
 * end with FIN, all at the same time, otherwise with RST; exchanges that are under way fail with `Closed`.
 *
 * **Errors**: `InvalidOption`. **Interruption**: nothing was begun.
 *
 * ```ts
 * import * as Resolver from "@effect-sockets/resolver/Resolver"
 * import * as MemoryNetwork from "@effect-sockets/socket/MemoryNetwork"
 * import * as Server from "@effect-sockets/socket/Server"
 * import * as ServerSocket from "@effect-sockets/socket/ServerSocket"
 * import * as SocketStream from "@effect-sockets/socket/SocketStream"
 * import * as StreamPool from "@effect-sockets/socket/StreamPool"
 * import { Effect } from "effect"
 * const echo = (stream: SocketStream.SocketStream) =>
 *   SocketStream.forEachLine(stream, (line) => SocketStream.writeLine(stream, line))
 * const program = Effect.gen(function* () {
 *   const server = yield* Effect.flatMap(ServerSocket.listen(7), Server.start(echo))
 *   const pool = yield* StreamPool.make(SocketStream.open("127.0.0.1", 7), { max: 2 })
 *   const ask = (line: string) => StreamPool.use(pool, (stream) =>
 *     Effect.andThen(SocketStream.writeLine(stream, line), SocketStream.readLine(stream)))
 *   yield* Effect.forEach(["one", "two", "three"], ask)
 *   return yield* server.connections
 * })
 * const scoped = program.pipe(Effect.scoped, Effect.provide([MemoryNetwork.layer(), Resolver.layerStatic({})]))
 * await Effect.runPromise(scoped) // => 1
 * ```
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = Effect.fnUntraced(function* <R>(
  open: Effect.Effect<SocketStream.SocketStream, NetworkError.NetworkError, R>,
  options: Options = {}
) {
  const invalid = InvalidOption.find(options, checks)
  if (invalid !== undefined) return yield* NetworkError.make("open", "pool", invalid)
  const scope = yield* Effect.scope
  const runFork = Effect.runForkWith(yield* Effect.context())
  const acquire = Effect.gen(function* () {
    // All streams are the scope's own: at its end those that linger do so side by side.
    const stream = yield* Scope.provide(open, scope)
    // One that leaves the pool before closes behind the back of its last user, who need not wait for its linger.
    yield* Effect.addFinalizer(() => Effect.forkIn(Effect.ignore(SocketStream.close(stream)), scope))
    const item = new Pooled(stream)
    // Nobody reads from one that waits in the pool: its peer would wait for an end that does not come.
    const onFin = (): void => {
      if (!item.isInUse) runFork(Pool.invalidate(pool, item))
    }
    ;(stream as StreamState).onFin = onFin
    return item
  })
  const pool: State["pool"] = yield* Pool.makeWithTTL({
    acquire,
    min: 0,
    max: options.max ?? 10,
    timeToLive: options.idleTimeout ?? "1 minute"
  })
  const self: State = { [TypeId]: TypeId, pool, acquireTimeout: InvalidOption.toMillis(options.acquireTimeout, 10_000) }
  return self as StreamPool
})

/** A connection of the pool, until the scope closes. */
const lease = ({ acquireTimeout, pool }: State): Effect.Effect<Pooled, NetworkError.NetworkError, Scope.Scope> =>
  Effect.timeoutOrElse(Pool.get(pool), {
    duration: acquireTimeout,
    orElse: () => Effect.fail(NetworkError.make("open", "pool", { _tag: "TimedOut", millis: acquireTimeout }))
  })

/** What a use gets of a connection that was no good: it takes another. */
const stale = Symbol("stale")

/**
 * Runs an exchange on a connection of the pool that nobody else has meanwhile.
 *
 * It goes back into the pool if the exchange succeeded and the stream is at rest (`SocketStream.isReusable`): open both
 * ways, nothing unread, nobody waiting. Otherwise it is closed after a success, and reset after anything else: what an
 * answer would belong to that comes later, nobody could tell. So let an exchange fail when it does not know where in the
 * conversation it is, and succeed, with whatever value, when it does.
 *
 * **Errors**: those of the exchange; of the connect, if a new connection is needed and none can be made; `TimedOut` after
 * `acquireTimeout`. **Interruption**: the exchange is interrupted, and its connection reset. When the scope of the pool
 * has closed, a use is interrupted itself.
 *
 * ```ts
 * import * as Resolver from "@effect-sockets/resolver/Resolver"
 * import * as MemoryNetwork from "@effect-sockets/socket/MemoryNetwork"
 * import * as SocketStream from "@effect-sockets/socket/SocketStream"
 * import * as StreamPool from "@effect-sockets/socket/StreamPool"
 * import { Effect } from "effect"
 * const program = Effect.gen(function* () {
 *   const pool = yield* StreamPool.make(SocketStream.open("127.0.0.1", 7))
 *   return yield* Effect.flip(StreamPool.use(pool, SocketStream.readLine))
 * })
 * const scoped = program.pipe(Effect.scoped, Effect.provide([MemoryNetwork.layer(), Resolver.layerStatic({})]))
 * const { message } = await Effect.runPromise(scoped)
 * message // => "open 127.0.0.1:7: connection refused"
 * ```
 *
 * @category combinators
 * @since 0.1.0
 */
export const use: {
  <A, E, R>(
    f: (stream: SocketStream.SocketStream) => Effect.Effect<A, E, R>,
    options?: UseOptions
  ): (self: StreamPool) => Effect.Effect<A, E | NetworkError.NetworkError, R>
  <A, E, R>(
    self: StreamPool,
    f: (stream: SocketStream.SocketStream) => Effect.Effect<A, E, R>,
    options?: UseOptions
  ): Effect.Effect<A, E | NetworkError.NetworkError, R>
} = dual(
  (args) => typeof args[0] !== "function",
  <A, E, R>(
    self: StreamPool,
    f: (stream: SocketStream.SocketStream) => Effect.Effect<A, E, R>,
    options: UseOptions = {}
  ): Effect.Effect<A, E | NetworkError.NetworkError, R> => {
    const { pool } = self as State
    const exchange = Effect.fnUntraced(function* (
      item: Pooled,
      restore: <B, F, S>(g: Effect.Effect<B, F, S>) => Effect.Effect<B, F, S>
    ) {
      const { stream, wasUsed } = item
      const { bytesRead } = stream
      item.isInUse = item.wasUsed = true
      if (wasUsed && !SocketStream.isReusable(stream)) return stale
      const exit = yield* Effect.exit(restore(Effect.suspend(() => f(stream))))
      if (Exit.isSuccess(exit)) return exit.value
      const { ended, gone } = stream as StreamState
      const isUnanswered = (ended || gone) && stream.bytesRead === bytesRead
      yield* SocketStream.reset(stream)
      return options.repeatable === true && wasUsed && isUnanswered && Exit.hasFails(exit) ? stale : yield* exit
    })
    const attempt = Effect.uninterruptibleMask((restore) =>
      Effect.gen(function* () {
        // A scope of the lease's own: what the exchange opens is its caller's.
        const scope = yield* Scope.make()
        const leased = yield* Effect.exit(restore(Scope.provide(lease(self as State), scope)))
        if (Exit.isFailure(leased)) {
          yield* Scope.close(scope, leased)
          return yield* Effect.failCause(leased.cause)
        }
        const item = leased.value
        const exit = yield* Effect.exit(exchange(item, restore))
        item.isInUse = false
        yield* Scope.close(scope, exit)
        // Not before it is back: the pool would connect anew at once, for whoever still has this one.
        if (!SocketStream.isReusable(item.stream)) yield* Pool.invalidate(pool, item)
        return yield* exit
      })
    )
    const loop: Effect.Effect<A, E | NetworkError.NetworkError, R> = Effect.flatMap(attempt, (value) =>
      value === stale ? loop : Effect.succeed(value)
    )
    return loop
  }
)
