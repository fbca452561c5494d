/** How connections are served: what is given, what each option may be, and what a server makes of it. */
import type * as Cause from "effect/Cause"
import type * as Duration from "effect/Duration"
import type * as Effect from "effect/Effect"
import type * as NetAddress from "effect/net/NetAddress"
import * as InvalidOption from "@effect-sockets/resolver/InvalidOption"
import type { Refusal } from "../../SocketMetrics.ts"
import type { SocketStream } from "../../SocketStream.ts"
import { checks as streamChecks, type Options as StreamOptions } from "../stream/StreamOptions.ts"
import { problem as ruleProblem, type Rules } from "./AdmissionRules.ts"
import type { ListeningPort } from "./ListeningPort.ts"
import { type AlarmOptions, checks as alarmChecks } from "./LoadAlarm.ts"

/**
 * What a server does with each connection. Its scope ends with the connection.
 *
 * ```ts
 * import * as Server from "@effect-sockets/socket/Server"
 * import * as SocketStream from "@effect-sockets/socket/SocketStream"
 * import { Effect } from "effect"
 * const echo: Server.Handler = (stream) => SocketStream.copy(stream, stream)
 * const logged: Server.Handler = (stream) => Effect.ensuring(echo(stream), Effect.logDebug(`${stream} has ended`))
 * typeof logged // => "function"
 * ```
 *
 * @category models
 * @since 0.1.0
 */
export type Handler<R = never> = (stream: SocketStream) => Effect.Effect<unknown, unknown, R>

/**
 * How connections are served. Options of streams that are left out are as `ServerSocket.listen` was told.
 *
 * ```ts
 * import * as Server from "@effect-sockets/socket/Server"
 * import * as MemoryNetwork from "@effect-sockets/socket/MemoryNetwork"
 * import * as ServerSocket from "@effect-sockets/socket/ServerSocket"
 * import { Effect } from "effect"
 * const options: Server.Options = { maxConnections: 1000, readTimeout: "30 seconds", idleTimeout: 0 }
 * const serve = Effect.flatMap(ServerSocket.listen(80), Server.serve(() => Effect.void, options))
 * const error = await Effect.runPromise(Effect.flip(serve).pipe(Effect.scoped, Effect.provide(MemoryNetwork.layer())))
 * error.reason._tag // => "InvalidOption"
 * ```
 *
 * @category options
 * @since 0.1.0
 */
export interface Options<R = never> extends StreamOptions, Rules, AlarmOptions<R> {
  /**
   * Connections handled at once, at least 1; others wait in the server socket's queue. Default: what the process's
   * descriptors allow, at most 10,000: they, a file for each and the queue fit below the limit together.
   */
  readonly maxConnections?: number | undefined
  /**
   * How long a peer may send nothing; what this side sends does not count, the time in which it is `SocketStream.busy` is
   * left out. Then the connection is ended: with FIN between two messages, otherwise with RST. Looked at every quarter of
   * it, at most every second. Default: for ever.
   */
  readonly idleTimeout?: Duration.Input | undefined
  /** How long a connection may last, whatever it does; it ends as for `idleTimeout`. Default: for ever. */
  readonly maxAge?: Duration.Input | undefined
  /** How long connections that are in use may go on when the server stops. Default 10 seconds. 0 does not wait. */
  readonly drainTimeout?: Duration.Input | undefined
  /**
   * Hears why a handler failed or died, and of faults that ended a connection. Default: logs it as an error with the
   * peer's address, except for a connection that was reset, timed out or failed its TLS handshake, which is ordinary and
   * only counted. If it throws or dies itself, that is logged.
   */
  readonly onError?: ((cause: Cause.Cause<unknown>, stream: SocketStream) => Effect.Effect<void, never, R>) | undefined
  /**
   * Hears who was refused and why, and at which of the server's addresses. Default: refusals are only counted
   * (`SocketMetrics`). If it throws or dies, that is logged.
   */
  readonly onRefused?:
    | ((
        peer: NetAddress.SocketAddress,
        refusal: Refusal,
        localAddress: NetAddress.SocketAddress
      ) => Effect.Effect<void, never, R>)
    | undefined
}

const checks = {
  ...streamChecks,
  ...alarmChecks,
  maxConnections: InvalidOption.integer(1),
  idleTimeout: InvalidOption.positiveDuration,
  maxAge: InvalidOption.positiveDuration,
  drainTimeout: InvalidOption.duration,
  onError: InvalidOption.callback,
  onRefused: InvalidOption.callback
} as const

/** The first option that cannot be meant. */
export const problem = <R>(options: Options<R>): InvalidOption.InvalidOption | undefined =>
  InvalidOption.find(options, checks) ?? ruleProblem(options)

const mostConnections = 10_000
const longestQueue = 1024

/**
 * How many connections a server handles at once and how many may wait, where one or both are not given. The network's
 * `capacity` is the connections that leave as many descriptors again for their handlers; what waits needs one each.
 */
export const bounds = (
  maxConnections: number | undefined,
  { parts, queue }: ListeningPort
): { readonly maxConnections: number; readonly queue: number } => {
  const descriptors = 2 * parts.capacity
  const given = parts.isQueueGiven ? queue.capacity : undefined
  const waiting = given ?? Math.min(longestQueue, descriptors / 6)
  const most = maxConnections ?? Math.max(1, Math.min(mostConnections, Math.floor((descriptors - waiting) / 2)))
  return { maxConnections: most, queue: given ?? Math.max(1, Math.min(longestQueue, descriptors - 2 * most)) }
}
