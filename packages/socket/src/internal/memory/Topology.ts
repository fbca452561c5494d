/** The hosts of a memory network, the ways between them, and the connections that are open. */
import * as NetAddress from "effect/net/NetAddress"
import * as Result from "effect/Result"
import type { ConnectOptions, ListenerEvents, ListenOptions } from "../../Network.ts"
import type { Reason } from "../../NetworkError.ts"
import { type Attempt, Circuit, type Draw, type Nature, pairKey, type Plan, type Surroundings } from "./Circuit.ts"
import type { Endpoint } from "./Endpoint.ts"
import type { Host, Port } from "./Host.ts"
import type { ClockTimers } from "../ClockTimers.ts"
import type { Trace, TraceKind } from "./Trace.ts"

const unnamed = NetAddress.unixPathAddress("")

export class Topology implements Surroundings {
  readonly timers: ClockTimers
  readonly events: Trace
  readonly nature: Nature
  private readonly hosts: ReadonlyMap<string, Host>
  private readonly circuits = new Set<Circuit>()
  private readonly cutPairs = new Set<string>()
  private readonly silent = new Set<string>()
  private attempts = 0

  constructor(hosts: ReadonlyMap<string, Host>, nature: Nature, timers: ClockTimers, events: Trace) {
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

  /** Starts an attempt, or fails at once. `opening` hears how it ends. Throws what a user's callback throws. */
  connect(
    host: Host,
    target: NetAddress.SocketAddress,
    options: ConnectOptions,
    number: number,
    draw: Draw,
    opening: (outcome: Result.Result<Endpoint, Reason>) => void
  ): Endpoint | undefined {
    const to = remoteOf(target)
    const peer = this.route(host, to)
    if (peer === undefined) return void opening(Result.fail({ _tag: "HostUnreachable" }))
    const local = localOf(host, to, options)
    if (Result.isFailure(local)) return void opening(Result.fail(local.failure))
    const from = local.success
    const plan = this.planOf({ connection: number, from, to }, draw, () => giveBack(host, from))
    if (Result.isFailure(plan)) return void opening(Result.fail(plan.failure))
    const circuit = new Circuit(this, number, host, peer, from, to, plan.success, draw)
    this.circuits.add(circuit)
    const { client } = circuit
    client.open = true
    client.opening = opening
    circuit.trace(client, "connect")
    client.send("SYN")
    return client
  }

  /** How the attempt will go. Without a plan there is no attempt, whatever the reason. */
  private planOf(attempt: Attempt, draw: Draw, giveUp: () => void): Result.Result<Plan, Reason> {
    let plan: Result.Result<Plan, Reason> | undefined
    try {
      plan = this.nature.plan(attempt, draw)
      return plan
    } finally {
      if (plan === undefined || Result.isFailure(plan)) giveUp()
    }
  }

  /** The host that has the address. */
  route(from: Host, to: NetAddress.SocketAddress): Host | undefined {
    if (!NetAddress.isInetAddress(to) || from.owns(to.address)) return from
    for (const host of this.hosts.values()) if (host.owns(to.address)) return host
    return undefined
  }

  listen(
    host: Host,
    target: NetAddress.SocketAddress,
    events: ListenerEvents,
    options: ListenOptions
  ): Result.Result<Port, Reason> {
    const address = NetAddress.isInetAddress(target) ? NetAddress.toCanonical(target) : target
    const opened = host.listen(address, events, options)
    if (Result.isSuccess(opened)) this.note("listen", NetAddress.formatSocketAddress(opened.success.address))
    return opened
  }

  closePort(host: Host, port: Port): void {
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

  forget(circuit: Circuit): void {
    this.circuits.delete(circuit)
  }
}

/** A wildcard leads to the own host, as on Linux. */
const remoteOf = (target: NetAddress.SocketAddress): NetAddress.SocketAddress => {
  if (!NetAddress.isInetAddress(target)) return target
  const address = NetAddress.toCanonical(target)
  if (!NetAddress.isUnspecified(address.address)) return address
  const loopback = NetAddress.isInetAddressV4(address) ? NetAddress.ipv4Loopback : NetAddress.ipv6Loopback
  return NetAddress.inetAddressUnsafe(loopback, address.port)
}

const giveBack = (host: Host, local: NetAddress.SocketAddress): void => {
  if (NetAddress.isInetAddress(local)) host.releasePort(local.port)
}

/** The client's own address, with a port that is now taken. */
const localOf = (
  host: Host,
  to: NetAddress.SocketAddress,
  options: ConnectOptions
): Result.Result<NetAddress.SocketAddress, Reason> => {
  if (!NetAddress.isInetAddress(to)) return Result.succeed(unnamed)
  const source = options.localAddress ?? host.source(to.address)
  if (source === undefined) return Result.fail({ _tag: "NetworkUnreachable" })
  if (!host.owns(source)) return Result.fail({ _tag: "AddressNotAvailable" })
  return Result.map(host.takePort(options.localPort), (port) => NetAddress.inetAddressUnsafe(source, port))
}
