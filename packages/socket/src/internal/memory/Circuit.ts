/**
 * One attempt to connect and the connection that comes of it: both ends, the wires between them, and the fault that was
 * drawn for it.
 */
import * as NetAddress from "effect/net/NetAddress"
import type * as Result from "effect/Result"
import type { Reason } from "../../NetworkError.ts"
import type { ClockTimers } from "../ClockTimers.ts"
import { report } from "../guard.ts"
import { Endpoint, type Strike, type Between } from "./Endpoint.ts"
import type { Host } from "./Host.ts"
import type { Trace, TraceKind } from "./Trace.ts"
import { Wire, type WireShape } from "./Wire.ts"

/**
 * A fault of one connection.
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
 * const fault: MemoryNetwork.Fault = { _tag: "Refuse" }
 * const program = why
 * await Effect.runPromise(Simulation.simulate(Effect.provide(program, MemoryNetwork.layer({ hosts, faults: () => fault })))) // => "ConnectionRefused"
 * ```
 *
 * @category models
 * @since 0.1.0
 */
export type Fault =
  /** The attempt is refused, whoever listens. */
  | { readonly _tag: "Refuse" }
  /** Something between the two ends resets the connection, for both of them. */
  | { readonly _tag: "Reset"; readonly toward: "client" | "server"; readonly after: number }
  /** From then on nothing passes between the two ends, and neither is told. */
  | { readonly _tag: "Vanish"; readonly toward: "client" | "server"; readonly after: number }

/**
 * An attempt to connect.
 *
 * ```ts
 * import * as MemoryNetwork from "@effect-sockets/socket/MemoryNetwork"
 * import { Network } from "@effect-sockets/socket/Network"
 * import { Effect } from "effect"
 * import * as NetAddress from "effect/net/NetAddress"
 * const hosts = { phone: ["10.0.0.1"], server: ["10.0.0.2"] }
 * const call = Network.use((network) => network.connect(NetAddress.inetAddressFromStringUnsafe("10.0.0.2:80")))
 * const numbers: Array<number> = []
 * const faults = ({ connection }: MemoryNetwork.Attempt) => void numbers.push(connection)
 * const network = MemoryNetwork.layer({ hosts, faults })
 * await Effect.runPromise(MemoryNetwork.runOn(Effect.exit(call), "phone").pipe(Effect.provide(network)))
 * numbers // => [1]
 * ```
 *
 * @category models
 * @since 0.1.0
 */
export interface Attempt {
  /** The number of the connection, from 1, in the order of the attempts. */
  readonly connection: number
  readonly from: NetAddress.SocketAddress
  readonly to: NetAddress.SocketAddress
}

/** Draws a number from 0 to 1, 1 excluded, out of the seed. */
export type Draw = () => number

/** How one direction between two addresses is, for connections and for datagrams. */
export interface Way extends WireShape {
  /** The part of all datagrams that is lost. */
  readonly loss: number
  /** The part of those that arrive which arrives twice. */
  readonly duplication: number
  /** The longest payload of a datagram that passes. */
  readonly mtu: number
}

/** How a network behaves. Times in milliseconds. */
export interface Nature {
  /** What becomes of an attempt, unless an option for it cannot be meant. A user's callback may throw in it. */
  readonly plan: (attempt: Attempt, draw: Draw) => Result.Result<Plan, Reason>
  /** How a way is in one direction. A user's callback may throw in it. */
  readonly way: (from: NetAddress.SocketAddress, to: NetAddress.SocketAddress) => Result.Result<Way, Reason>
  readonly acceptDelay: number
  readonly retransmitTimeout: number
}

/** How one attempt will go. */
export interface Plan {
  readonly toServer: WireShape
  readonly toClient: WireShape
  readonly fault: Fault | undefined
}

/** What a connection knows of the network around it. */
export interface Surroundings {
  readonly timers: ClockTimers
  readonly events: Trace
  readonly nature: Nature
  /** Whether the way between two addresses is cut for now. */
  isBlocked(a: string, b: string): boolean
  /** Called once both ends have closed: the circuit counts no more. */
  forget(circuit: Circuit): void
}

/** An address as the ways of the network are named: without the port. */
export const ipText = (address: NetAddress.SocketAddress): string =>
  NetAddress.isInetAddress(address) ? NetAddress.formatIp(address.address) : address.path

/** The name of the way between two addresses, whichever comes first. */
export const pairKey = (a: string, b: string): string => (a < b ? `${a} ${b}` : `${b} ${a}`)

export class Circuit implements Between {
  readonly timers: ClockTimers
  readonly retransmitTimeout: number
  readonly client: Endpoint
  readonly server: Endpoint
  /** The two hosts' addresses, as the ways between them are named. */
  readonly pair: string
  private readonly around: Surroundings
  private readonly number: number
  private readonly here: string
  private readonly there: string
  private readonly clientText: string
  private readonly serverText: string
  private readonly clientHost: Host
  private readonly serverHost: Host
  private readonly refuse: boolean
  private isCut = false

  constructor(
    around: Surroundings,
    number: number,
    clientHost: Host,
    serverHost: Host,
    from: NetAddress.SocketAddress,
    to: NetAddress.SocketAddress,
    plan: Plan,
    draw: Draw
  ) {
    const { nature, timers } = around
    this.around = around
    this.timers = timers
    this.retransmitTimeout = nature.retransmitTimeout
    this.number = number
    this.clientHost = clientHost
    this.serverHost = serverHost
    this.here = ipText(from)
    this.there = ipText(to)
    this.pair = pairKey(this.here, this.there)
    this.clientText = NetAddress.formatSocketAddress(from)
    this.serverText = NetAddress.formatSocketAddress(to)
    this.client = new Endpoint(this, new Wire(plan.toServer, draw), from, to)
    this.server = new Endpoint(this, new Wire(plan.toClient, draw), to, from)
    this.client.peer = this.server
    this.server.peer = this.client
    const { fault } = plan
    this.refuse = fault?._tag === "Refuse"
    if (fault !== undefined && fault._tag !== "Refuse") this[fault.toward].strike = strikeOf(fault)
  }

  isBlocked(): boolean {
    return this.isCut || this.around.isBlocked(this.here, this.there)
  }

  cut(): void {
    this.isCut = true
  }

  knock(): void {
    const { server, around } = this
    const port = this.refuse ? undefined : this.serverHost.find(server.localAddress, this.number)
    if (port === undefined || port.backlog.size >= (port.options.backlog ?? 511)) {
      this.trace(server, "refused")
      return server.send("RST")
    }
    server.open = true
    server.send("SYN-ACK")
    port.backlog.add(server)
    const accept = (): void => {
      // Gone from the backlog: the port has closed.
      if (!port.backlog.delete(server) || !server.open) return
      this.trace(server, "accepted")
      try {
        port.events.connection(server)
      } catch (cause) {
        server.reset()
        report(cause, port.events.defect)
      }
    }
    if (around.nature.acceptDelay === 0) accept()
    else this.timers.set(around.nature.acceptDelay, accept)
  }

  lose(reason: Reason): void {
    this.client.lose(reason)
    this.server.lose(reason)
  }

  left(): void {
    if (this.client.open || this.server.open) return
    this.client.forget()
    this.server.forget()
    const { localAddress } = this.client
    if (NetAddress.isInetAddress(localAddress)) this.clientHost.releasePort(localAddress.port)
    this.around.forget(this)
  }

  trace(at: Endpoint, kind: TraceKind, bytes = 0): void {
    const [from, to] = at === this.client ? [this.clientText, this.serverText] : [this.serverText, this.clientText]
    this.around.events.add({ at: this.timers.now(), connection: this.number, kind, from, to, bytes })
  }
}

const strikeOf = (fault: Exclude<Fault, { readonly _tag: "Refuse" }>): Strike => ({
  kind: fault._tag === "Reset" ? "reset" : "vanish",
  after: fault.after
})
