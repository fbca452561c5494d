/** What happened on the memory network, in order. */

/**
 * What happened. With `connect`, `connected`, `accepted`, `refused` a connection begins; `sent` and `delivered` are
 * bytes that left the sender's kernel and that reached the other program; `FIN` and `RST` alone are sent, `got FIN`
 * and `got RST` reached the program; `lost RST` met a way that was cut; `timed out` is the kernel that gave up on a
 * silent peer; `closed` gave the descriptor back. `reset by fault` and `vanished by fault` are the network's own
 * doing. A datagram is sent, got by the program whose address stands first, or lost: by chance, on a way that is cut,
 * or because nobody hears it. The rest concerns ports and ways.
 *
 * ```ts
 * import * as MemoryNetwork from "@effect-sockets/socket/MemoryNetwork"
 * import { Network } from "@effect-sockets/socket/Network"
 * import * as Simulation from "@effect-sockets/socket/testing/Simulation"
 * import { Effect } from "effect"
 * import * as NetAddress from "effect/net/NetAddress"
 * const hosts = { phone: ["10.0.0.1"], server: ["10.0.0.2"] }
 * const call = Network.use((network) => network.connect(NetAddress.inetAddressFromStringUnsafe("10.0.0.2:80")))
 * const why = Effect.map(Effect.flip(MemoryNetwork.runOn(call, "phone")), ({ reason }) => reason._tag)
 * const kinds = Effect.map(Effect.andThen(why, MemoryNetwork.trace), (trace): Array<MemoryNetwork.TraceKind> => trace.map(({ kind }) => kind))
 * await Effect.runPromise(Effect.provide(kinds, MemoryNetwork.layer({ hosts }))) // => ["connect", "refused", "RST", "got RST", "closed"]
 * ```
 *
 * @category models
 * @since 0.1.0
 */
export type TraceKind =
  | "connect"
  | "connected"
  | "accepted"
  | "refused"
  | "sent"
  | "delivered"
  | "FIN"
  | "got FIN"
  | "RST"
  | "got RST"
  | "lost RST"
  | "timed out"
  | "closed"
  | "reset by fault"
  | "vanished by fault"
  | "sent datagram"
  | "got datagram"
  | "lost datagram"
  | "listen"
  | "stop listening"
  | "partition"
  | "heal"
  | "vanish"
  | "reset"

/**
 * One event.
 *
 * ```ts
 * import * as MemoryNetwork from "@effect-sockets/socket/MemoryNetwork"
 * const event: MemoryNetwork.TraceEvent = { at: 20, connection: 0, kind: "vanish", from: "server", to: "", bytes: 0 }
 * MemoryNetwork.format([event]) // => "    20.000 server vanish"
 * ```
 *
 * @category models
 * @since 0.1.0
 */
export interface TraceEvent {
  /** Milliseconds since the network was made. */
  readonly at: number
  /** The number of the connection, from 1, in the order of the attempts; 0 where it is about none. */
  readonly connection: number
  readonly kind: TraceKind
  /** Where it happened: an address, or a host for what concerns ways. */
  readonly from: string
  /** The other end, if there is one. */
  readonly to: string
  /** Bytes sent or delivered, otherwise 0. */
  readonly bytes: number
}

/** A trace that keeps the latest events. */
export class Trace {
  private events: Array<TraceEvent> = []
  private readonly limit: number

  constructor(limit: number) {
    this.limit = limit
  }

  add(event: TraceEvent): void {
    if (this.limit === 0) return
    this.events.push(event)
    if (this.events.length >= 2 * this.limit) this.events = this.latest()
  }

  latest(): Array<TraceEvent> {
    return this.events.slice(-this.limit)
  }
}

/** One line: `    20.000 #1 10.0.0.1:49152 > 10.0.0.2:80 sent 5`. */
export const formatEvent = ({ at, connection, kind, from, to, bytes }: TraceEvent): string =>
  [
    at.toFixed(3).padStart(10),
    ...(connection === 0 ? [] : [`#${connection}`]),
    from,
    ...(to === "" ? [] : [">", to]),
    kind,
    ...(bytes === 0 ? [] : [bytes])
  ].join(" ")
