/**
 * What servers and clients count, as effect's metrics: `effect/observability`'s Prometheus and OTLP exporters read them.
 * Each series of a server has its address as attribute `address`, so that several servers of one process do not mix.
 */
import * as Metric from "effect/Metric"
import * as NetAddress from "effect/net/NetAddress"
import { Reason } from "./NetworkError.ts"

/**
 * Why a connection was refused.
 *
 * ```ts
 * import * as SocketMetrics from "@effect-sockets/socket/SocketMetrics"
 * const isOverload = (refusal: SocketMetrics.Refusal) => refusal === "QueueFull" || refusal === "QueueTimeout"
 * isOverload("Access") // => false
 * ```
 *
 * @category models
 * @since 0.1.0
 */
export type Refusal =
  | "AcceptRate"
  | "AcceptRatePerPeer"
  | "Access"
  | "MaxPerPeer"
  | "ProxyHeader"
  | "QueueFull"
  | "QueueTimeout"
  | "Stopped"

/**
 * How a connection ended: its handler succeeded, failed or died, or was ended by the server.
 *
 * ```ts
 * import * as SocketMetrics from "@effect-sockets/socket/SocketMetrics"
 * import * as NetAddress from "effect/net/NetAddress"
 * const { endedBy } = SocketMetrics.at(NetAddress.inetAddressFromStringUnsafe("127.0.0.1:80"))
 * const idOf = (outcome: SocketMetrics.Outcome) => endedBy[outcome].id
 * idOf("Failed") // => "socket_connections_ended"
 * ```
 *
 * @category models
 * @since 0.1.0
 */
export type Outcome = "Succeeded" | "Failed" | "Interrupted"

/**
 * One counter for each reason of a `NetworkError`, told apart by its attribute `reason`: `connection_refused`, for example.
 *
 * ```ts
 * import * as SocketMetrics from "@effect-sockets/socket/SocketMetrics"
 * const failed: SocketMetrics.ByReason = SocketMetrics.client.opensFailedFor
 * failed.TimedOut.attributes // => { reason: "timed_out" }
 * ```
 *
 * @category models
 * @since 0.1.0
 */
export type ByReason = { readonly [K in Reason["_tag"]]: Metric.Counter<number> }

/**
 * The metrics of one server.
 *
 * ```ts
 * import * as SocketMetrics from "@effect-sockets/socket/SocketMetrics"
 * import { Effect, Metric } from "effect"
 * import * as NetAddress from "effect/net/NetAddress"
 * const load = ({ active }: SocketMetrics.ServerMetrics) => Effect.map(Metric.value(active), ({ value }) => value)
 * const metrics = SocketMetrics.at(NetAddress.inetAddressFromStringUnsafe("192.0.2.1:80"))
 * await Effect.runPromise(load(metrics)) // => 0
 * ```
 *
 * @category models
 * @since 0.1.0
 */
export interface ServerMetrics {
  /** Connections that handlers are busy with now: `socket_connections_active`. */
  readonly active: Metric.Gauge<number>
  /** Connections that wait in the queue for a handler now: `socket_connections_waiting`. */
  readonly waiting: Metric.Gauge<number>
  /**
   * How long those had waited that a handler got from the queue, in seconds: `socket_connections_wait_seconds`. A connection
   * that found a place free did not wait, and is not in it.
   */
  readonly waitTime: Metric.Histogram<number>
  /** Connections that were given to a handler: `socket_connections_accepted`. */
  readonly accepted: Metric.Counter<number>
  /** Connections that were reset before a handler had them, by `reason`: `socket_connections_refused`. */
  readonly refusedFor: { readonly [K in Refusal]: Metric.Counter<number> }
  /**
   * Connections that have ended, by the `outcome` of their handler: `socket_connections_ended`. Ordinary disconnects are
   * counted here and not logged.
   */
  readonly endedBy: { readonly [K in Outcome]: Metric.Counter<number> }
  /**
   * TLS handshakes that failed, by `reason`, with `side` as `server`: `socket_handshakes_failed`. Those of `upgradeTls`, which
   * a handler begins, are not among them.
   */
  readonly handshakesFailedFor: ByReason
  /** Bytes that peers sent, counted when their connections end: `socket_bytes_read`. */
  readonly bytesRead: Metric.Counter<number>
  /** Bytes that the kernel took for peers, counted when their connections end: `socket_bytes_written`. */
  readonly bytesWritten: Metric.Counter<number>
}

/**
 * The metrics of all clients of a process. They have no address: a program may open any number of them.
 *
 * ```ts
 * import * as Resolver from "@effect-sockets/resolver/Resolver"
 * import * as MemoryNetwork from "@effect-sockets/socket/MemoryNetwork"
 * import * as SocketMetrics from "@effect-sockets/socket/SocketMetrics"
 * import * as SocketStream from "@effect-sockets/socket/SocketStream"
 * import { Effect, Metric } from "effect"
 * const metrics: SocketMetrics.ClientMetrics = SocketMetrics.client
 * const program = Effect.andThen(
 *   Effect.exit(SocketStream.open("127.0.0.1", 9)),
 *   Metric.value(metrics.attemptsFailedFor.ConnectionRefused)
 * ).pipe(Effect.provideService(Metric.MetricRegistry, new Map()))
 * const scoped = program.pipe(Effect.scoped, Effect.provide([MemoryNetwork.layer(), Resolver.layerStatic({})]))
 * const { count } = await Effect.runPromise(scoped)
 * count // => 1
 * ```
 *
 * @category models
 * @since 0.1.0
 */
export interface ClientMetrics {
  /** Attempts to connect to one address: `socket_attempts`. An `open` makes one or more. */
  readonly attempts: Metric.Counter<number>
  /** Attempts that failed, by `reason`: `socket_attempts_failed`. One that was given up, since another won, did not. */
  readonly attemptsFailedFor: ByReason
  /** Opens that failed as a whole, by `reason`: `socket_opens_failed`. `Resolution` and `TimedOut` are among them. */
  readonly opensFailedFor: ByReason
  /**
   * How long it took to open a connection, with the lookup and all attempts, but without a TLS handshake, in seconds:
   * `socket_open_seconds`. Its count is the opens that succeeded.
   */
  readonly openTime: Metric.Histogram<number>
  /** TLS handshakes of clients that failed, by `reason`, with `side` as `client`: `socket_handshakes_failed`. */
  readonly handshakesFailedFor: ByReason
}

const refusals: { readonly [K in Refusal]: string } = {
  AcceptRate: "accept_rate",
  AcceptRatePerPeer: "accept_rate_per_peer",
  Access: "access",
  MaxPerPeer: "max_per_peer",
  ProxyHeader: "proxy_header",
  QueueFull: "queue_full",
  QueueTimeout: "queue_timeout",
  Stopped: "stopped"
}

const outcomes: { readonly [K in Outcome]: string } = {
  Succeeded: "succeeded",
  Failed: "failed",
  Interrupted: "interrupted"
}

const counter = (name: string, description: string, attributes: Metric.Metric.AttributeSet): Metric.Counter<number> =>
  Metric.counter(name, { description, attributes, incremental: true })

/** One counter for each key, told apart by an attribute. */
const counters = <K extends string>(
  keys: { readonly [_ in K]: string },
  attribute: string,
  name: string,
  description: string,
  attributes: Metric.Metric.AttributeSet
): { readonly [_ in K]: Metric.Counter<number> } => {
  const made: { [_ in K]?: Metric.Counter<number> } = {}
  for (const key of Object.keys(keys) as Array<K>) {
    made[key] = counter(name, description, { ...attributes, [attribute]: keys[key] })
  }
  return made as { [_ in K]: Metric.Counter<number> }
}

const reasons = Object.fromEntries(
  Object.keys(Reason.cases).map((tag) => [tag, tag.replace(/\B[A-Z]/g, "_$&").toLowerCase()])
) as { readonly [K in Reason["_tag"]]: string }

const byReason = (name: string, description: string, attributes: Metric.Metric.AttributeSet = {}): ByReason =>
  counters(reasons, "reason", name, description, attributes)

const handshakesFailed = (side: "server" | "client", attributes: Metric.Metric.AttributeSet = {}): ByReason =>
  byReason("socket_handshakes_failed", "TLS handshakes that failed", { ...attributes, side })

/** Seconds: from the loopback's to those of a peer that answers the fourth SYN. */
const boundaries = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30]

const seconds = (name: string, description: string, attributes: Metric.Metric.AttributeSet = {}) =>
  Metric.histogram(name, { description, attributes, boundaries })

const make = (address: string): ServerMetrics => ({
  active: Metric.gauge("socket_connections_active", {
    description: "Connections that handlers are busy with now",
    attributes: { address }
  }),
  waiting: Metric.gauge("socket_connections_waiting", {
    description: "Connections that wait for a handler now",
    attributes: { address }
  }),
  waitTime: seconds(
    "socket_connections_wait_seconds",
    "How long connections had waited that a handler got from the queue",
    {
      address
    }
  ),
  accepted: counter("socket_connections_accepted", "Connections that were given to a handler", { address }),
  refusedFor: counters(
    refusals,
    "reason",
    "socket_connections_refused",
    "Connections that were reset before a handler had them",
    { address }
  ),
  endedBy: counters(
    outcomes,
    "outcome",
    "socket_connections_ended",
    "Connections that have ended, by how their handler did",
    { address }
  ),
  handshakesFailedFor: handshakesFailed("server", { address }),
  bytesRead: counter("socket_bytes_read", "Bytes that peers sent, counted when their connections end", { address }),
  bytesWritten: counter(
    "socket_bytes_written",
    "Bytes that the kernel took for peers, counted when their connections end",
    { address }
  )
})

/**
 * The metrics of the servers at an address.
 *
 * ```ts
 * import * as MemoryNetwork from "@effect-sockets/socket/MemoryNetwork"
 * import * as Server from "@effect-sockets/socket/Server"
 * import * as ServerSocket from "@effect-sockets/socket/ServerSocket"
 * import * as SocketMetrics from "@effect-sockets/socket/SocketMetrics"
 * import * as SocketStream from "@effect-sockets/socket/SocketStream"
 * import { Effect, Metric } from "effect"
 * const program = Effect.gen(function* () {
 *   const socket = yield* ServerSocket.listen(81)
 *   yield* Server.start(socket, SocketStream.readLine)
 *   yield* SocketStream.close(yield* SocketStream.open(socket.address))
 *   return (yield* Metric.value(SocketMetrics.at(socket.address).accepted)).count
 * })
 * const scoped = program.pipe(Effect.scoped, Effect.provide(MemoryNetwork.layer()))
 * await Effect.runPromise(scoped) // => 1
 * ```
 *
 * @category constructors
 * @since 0.1.0
 */
export const at = (address: NetAddress.SocketAddress): ServerMetrics => make(NetAddress.formatSocketAddress(address))

/**
 * The metrics of all clients.
 *
 * ```ts
 * import * as MemoryNetwork from "@effect-sockets/socket/MemoryNetwork"
 * import * as ServerSocket from "@effect-sockets/socket/ServerSocket"
 * import * as SocketMetrics from "@effect-sockets/socket/SocketMetrics"
 * import * as SocketStream from "@effect-sockets/socket/SocketStream"
 * import { Effect, Metric } from "effect"
 * const program = Effect.gen(function* () {
 *   const { address } = yield* ServerSocket.listen(80)
 *   yield* SocketStream.open(address)
 *   const { count } = yield* Metric.value(SocketMetrics.client.openTime)
 *   return count
 * }).pipe(Effect.provideService(Metric.MetricRegistry, new Map()))
 * const scoped = program.pipe(Effect.scoped, Effect.provide(MemoryNetwork.layer()))
 * await Effect.runPromise(scoped) // => 1
 * ```
 *
 * @category constructors
 * @since 0.1.0
 */
export const client: ClientMetrics = {
  attempts: counter("socket_attempts", "Attempts to connect to one address", {}),
  attemptsFailedFor: byReason("socket_attempts_failed", "Attempts to connect to one address that failed"),
  opensFailedFor: byReason("socket_opens_failed", "Connections to a host that could not be opened"),
  openTime: seconds("socket_open_seconds", "How long it took to open a connection, without TLS"),
  handshakesFailedFor: handshakesFailed("client")
}
