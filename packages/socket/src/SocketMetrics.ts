/**
 * What servers count, as effect's metrics: `effect/observability`'s Prometheus and OTLP exporters read them. Each series
 * has the server's address as its attribute `address`, so that several servers of one process do not mix.
 */
import * as Metric from "effect/Metric"
import * as NetAddress from "effect/net/NetAddress"

/**
 * Why a connection was refused.
 *
 * ```ts
 * import * as SocketMetrics from "@effect-sockets/socket/SocketMetrics"
 * const isOverload = (refusal: SocketMetrics.Refusal) => refusal === "QueueFull" || refusal === "QueueTimeout"
 * isOverload("Access") // => false
 * ```
 */
export type Refusal = "Access" | "MaxPerPeer" | "ProxyHeader" | "QueueFull" | "QueueTimeout" | "Stopped"

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
 */
export type Outcome = "Succeeded" | "Failed" | "Interrupted"

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
 */
export interface ServerMetrics {
  /** Connections that handlers are busy with now: `socket_connections_active`. */
  readonly active: Metric.Gauge<number>
  /** Connections that were given to a handler: `socket_connections_accepted`. */
  readonly accepted: Metric.Counter<number>
  /** Connections that were reset before a handler had them, by `reason`: `socket_connections_refused`. */
  readonly refusedFor: { readonly [K in Refusal]: Metric.Counter<number> }
  /**
   * Connections that have ended, by the `outcome` of their handler: `socket_connections_ended`. Ordinary disconnects are
   * counted here and not logged.
   */
  readonly endedBy: { readonly [K in Outcome]: Metric.Counter<number> }
  /** Bytes that peers sent, counted when their connections end: `socket_bytes_read`. */
  readonly bytesRead: Metric.Counter<number>
  /** Bytes that the kernel took for peers, counted when their connections end: `socket_bytes_written`. */
  readonly bytesWritten: Metric.Counter<number>
}

const refusals: { readonly [K in Refusal]: string } = {
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
  address: string
): { readonly [_ in K]: Metric.Counter<number> } => {
  const made: { [_ in K]?: Metric.Counter<number> } = {}
  for (const key of Object.keys(keys) as Array<K>) {
    made[key] = counter(name, description, { address, [attribute]: keys[key] })
  }
  return made as { [_ in K]: Metric.Counter<number> }
}

const make = (address: string): ServerMetrics => ({
  active: Metric.gauge("socket_connections_active", {
    description: "Connections that handlers are busy with now",
    attributes: { address }
  }),
  accepted: counter("socket_connections_accepted", "Connections that were given to a handler", { address }),
  refusedFor: counters(
    refusals,
    "reason",
    "socket_connections_refused",
    "Connections that were reset before a handler had them",
    address
  ),
  endedBy: counters(
    outcomes,
    "outcome",
    "socket_connections_ended",
    "Connections that have ended, by how their handler did",
    address
  ),
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
 * import * as Resolver from "@effect-sockets/resolver/Resolver"
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
 * const scoped = program.pipe(Effect.scoped, Effect.provide([MemoryNetwork.layer(), Resolver.layerStatic({})]))
 * await Effect.runPromise(scoped) // => 1
 * ```
 */
export const at = (address: NetAddress.SocketAddress): ServerMetrics => make(NetAddress.formatSocketAddress(address))
