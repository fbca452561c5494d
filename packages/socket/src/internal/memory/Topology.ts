/** The hosts of a memory network, the ways between them, and the connections that are open. */
import * as NetAddress from "effect/net/NetAddress"
import * as Result from "effect/Result"
import type { ConnectOptions, ListenerEvents, ListenOptions } from "../../Network.ts"
import type { Reason } from "../../NetworkError.ts"
import { type Circuit, MemoryConnection, type Strike } from "./Endpoint.ts"
import type { MemoryHost, Port } from "./Host.ts"
import type { ClockTimers } from "../ClockTimers.ts"
import type { Trace, TraceKind } from "./Trace.ts"
import { Wire, type WireShape } from "./Wire.ts"

/** A fault of one connection. */
export type Fault =
  /** The attempt is refused, whoever listens. */
  | { readonly _tag: "Refuse" }
  /** Something between the two ends resets the connection, for both of them. */
  | { readonly _tag: "Reset"; readonly toward: "client" | "server"; readonly after: number }
  /** From then on nothing passes between the two ends, and neither is told. */
  | { readonly _tag: "Vanish"; readonly toward: "client" | "server"; readonly after: number }

/** An attempt to connect. */
export interface Attempt {
  /** The number of the connection, from 1, in the order of the attempts. */
  readonly connection: number
  readonly from: NetAddress.SocketAddress
  readonly to: NetAddress.SocketAddress
}

/** From 0 to 1, 1 excluded. */
export type Draw = () => number

/** How the world behaves. Times in milliseconds. */
export interface Nature {
  readonly shape: (from: NetAddress.SocketAddress, to: NetAddress.SocketAddress) => WireShape
  readonly fault: (attempt: Attempt, draw: Draw) => Fault | undefined
  readonly acceptDelay: number
  readonly retransmitTimeout: number
}

const unnamed = NetAddress.unixPathAddress("")

const ipText = (address: NetAddress.SocketAddress): string =>
  NetAddress.isInetAddress(address) ? NetAddress.formatIp(address.address) : address.path

export class World {
  readonly timers: ClockTimers
  readonly events: Trace
  readonly nature: Nature
  private readonly hosts: ReadonlyMap<string, MemoryHost>
  private readonly circuits = new Set<CircuitImpl>()
  private readonly cutPairs = new Set<string>()
  private readonly silent = new Set<string>()
  private attempts = 0

  constructor(hosts: ReadonlyMap<string, MemoryHost>, nature: Nature, timers: ClockTimers, events: Trace) {
    this.hosts = hosts
    this.nature = nature
    this.timers = timers
    this.events = events
  }

  nextAttempt(): number {
    return ++this.attempts
  }

  /** Open ports and open ends of connections. */
  get descriptors(): number {
    let count = 0
    for (const host of this.hosts.values()) count += host.openPorts
    for (const { client, server } of this.circuits) count += Number(client.open) + Number(server.open)
    return count
  }

  /** Starts an attempt, or fails at once. `opening` hears how it ends. */
  connect(
    host: MemoryHost,
    target: NetAddress.SocketAddress,
    options: ConnectOptions,
    number: number,
    draw: Draw,
    opening: (outcome: Result.Result<MemoryConnection, Reason>) => void
  ): MemoryConnection | undefined {
    const to = remoteOf(target)
    const peer = this.route(host, to)
    if (peer === undefined) return void opening(Result.fail({ _tag: "HostUnreachable" }))
    const local = localOf(host, to, options)
    if (Result.isFailure(local)) return void opening(Result.fail(local.failure))
    const from = local.success
    const circuit = new CircuitImpl(this, number, host, peer, from, to, draw)
    this.circuits.add(circuit)
    const { client } = circuit
    client.open = true
    client.opening = opening
    circuit.trace(client, "connect")
    client.send("SYN")
    return client
  }

  /** The host that has the address. */
  private route(from: MemoryHost, to: NetAddress.SocketAddress): MemoryHost | undefined {
    if (!NetAddress.isInetAddress(to) || from.owns(to.address)) return from
    for (const host of this.hosts.values()) if (host.owns(to.address)) return host
    return undefined
  }

  listen(
    host: MemoryHost,
    target: NetAddress.SocketAddress,
    events: ListenerEvents,
    options: ListenOptions
  ): Result.Result<Port, Reason> {
    const address = NetAddress.isInetAddress(target) ? NetAddress.toCanonical(target) : target
    const opened = host.listen(address, events, options)
    if (Result.isSuccess(opened)) this.note("listen", NetAddress.formatSocketAddress(opened.success.address))
    return opened
  }

  closePort(host: MemoryHost, port: Port): void {
    if (!host.close(port)) return
    this.note("stop listening", NetAddress.formatSocketAddress(port.address))
    for (const connection of port.backlog) connection.reset()
    port.backlog.clear()
  }

  // Ways -----------------------------------------------------------------------------------------------------------

  /** The addresses of a host by name, or one address. */
  private placesOf(place: string): ReadonlyArray<string> {
    const host = this.hosts.get(place)
    if (host === undefined) return [NetAddress.formatIp(NetAddress.ipFromStringUnsafe(place))]
    const { addresses } = host
    return (addresses.length === 0 ? NetAddress.loopbackAddresses : addresses).map(NetAddress.formatIp)
  }

  isBlocked(a: string, b: string): boolean {
    return this.silent.has(a) || this.silent.has(b) || this.cutPairs.has(pairKey(a, b))
  }

  partition(a: string, b: string): void {
    this.note("partition", a, b)
    for (const key of this.pairs(a, b)) this.cutPairs.add(key)
  }

  vanish(place: string): void {
    this.note("vanish", place)
    for (const address of this.placesOf(place)) this.silent.add(address)
  }

  /** Without places: every way. With one: what vanished there. */
  heal(a: string | undefined, b: string | undefined): void {
    const before = [...this.circuits].filter((circuit) => circuit.isBlocked())
    this.note("heal", a ?? "everything", b)
    if (a === undefined) {
      this.cutPairs.clear()
      this.silent.clear()
    } else if (b === undefined) {
      for (const address of this.placesOf(a)) this.silent.delete(address)
    } else {
      for (const key of this.pairs(a, b)) this.cutPairs.delete(key)
    }
    for (const circuit of before) {
      if (circuit.isBlocked()) continue
      circuit.client.retransmit()
      circuit.server.retransmit()
    }
  }

  reset(a: string, b: string): void {
    this.note("reset", a, b)
    const keys = new Set(this.pairs(a, b))
    for (const circuit of this.circuits) if (keys.has(circuit.pair)) circuit.lose({ _tag: "ConnectionReset" })
  }

  /** Every connection breaks. Ports are closed with their scopes. */
  close(): void {
    for (const circuit of this.circuits) circuit.lose({ _tag: "Closed" })
  }

  private pairs(a: string, b: string): ReadonlyArray<string> {
    const others = this.placesOf(b)
    return this.placesOf(a).flatMap((one) => others.map((other) => pairKey(one, other)))
  }

  private note(kind: TraceKind, from: string, to = ""): void {
    this.events.add({ at: this.timers.now(), connection: 0, kind, from, to, bytes: 0 })
  }

  forget(circuit: CircuitImpl): void {
    this.circuits.delete(circuit)
  }
}

const pairKey = (a: string, b: string): string => (a < b ? `${a} ${b}` : `${b} ${a}`)

/** A wildcard leads to the own host, as on Linux. */
const remoteOf = (target: NetAddress.SocketAddress): NetAddress.SocketAddress => {
  if (!NetAddress.isInetAddress(target)) return target
  const address = NetAddress.toCanonical(target)
  if (!NetAddress.isUnspecified(address.address)) return address
  const loopback = NetAddress.isInetAddressV4(address) ? NetAddress.ipv4Loopback : NetAddress.ipv6Loopback
  return NetAddress.inetAddressUnsafe(loopback, address.port)
}

/** The client's own address, with a port that is now taken. */
const localOf = (
  host: MemoryHost,
  to: NetAddress.SocketAddress,
  options: ConnectOptions
): Result.Result<NetAddress.SocketAddress, Reason> => {
  if (!NetAddress.isInetAddress(to)) return Result.succeed(unnamed)
  const source = options.localAddress ?? host.source(to.address)
  if (source === undefined) return Result.fail({ _tag: "NetworkUnreachable" })
  if (!host.owns(source)) return Result.fail({ _tag: "AddressNotAvailable" })
  return Result.map(host.takePort(options.localPort), (port) => NetAddress.inetAddressUnsafe(source, port))
}

class CircuitImpl implements Circuit {
  readonly timers: ClockTimers
  readonly retransmitTimeout: number
  readonly client: MemoryConnection
  readonly server: MemoryConnection
  /** The two hosts' addresses, as the ways between them are named. */
  readonly pair: string
  private readonly world: World
  private readonly number: number
  private readonly here: string
  private readonly there: string
  private readonly clientText: string
  private readonly serverText: string
  private readonly clientHost: MemoryHost
  private readonly serverHost: MemoryHost
  private readonly refuse: boolean
  private isCut = false

  constructor(
    world: World,
    number: number,
    clientHost: MemoryHost,
    serverHost: MemoryHost,
    from: NetAddress.SocketAddress,
    to: NetAddress.SocketAddress,
    draw: Draw
  ) {
    const { nature, timers } = world
    this.world = world
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
    this.client = new MemoryConnection(this, new Wire(nature.shape(from, to), draw), from, to)
    this.server = new MemoryConnection(this, new Wire(nature.shape(to, from), draw), to, from)
    this.client.peer = this.server
    this.server.peer = this.client
    const fault = nature.fault({ connection: number, from, to }, draw)
    this.refuse = fault?._tag === "Refuse"
    if (fault !== undefined && fault._tag !== "Refuse") this[fault.toward].strike = strikeOf(fault)
  }

  isBlocked(): boolean {
    return this.isCut || this.world.isBlocked(this.here, this.there)
  }

  cut(): void {
    this.isCut = true
  }

  knock(): void {
    const { server, world } = this
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
      port.events.connection(server)
    }
    if (world.nature.acceptDelay === 0) accept()
    else this.timers.set(world.nature.acceptDelay, accept)
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
    this.world.forget(this)
  }

  trace(at: MemoryConnection, kind: TraceKind, bytes = 0): void {
    const [from, to] = at === this.client ? [this.clientText, this.serverText] : [this.serverText, this.clientText]
    this.world.events.add({ at: this.timers.now(), connection: this.number, kind, from, to, bytes })
  }
}

const strikeOf = (fault: Exclude<Fault, { readonly _tag: "Refuse" }>): Strike => ({
  kind: fault._tag === "Reset" ? "reset" : "vanish",
  after: fault.after
})
