/** One machine of the memory network: its addresses and its ports. Pure. */
import * as NetAddress from "effect/net/NetAddress"
import * as Result from "effect/Result"
import type { ListenerEvents, ListenOptions } from "../../Network.ts"
import type { Reason } from "../../NetworkError.ts"
import type { Endpoint } from "./Endpoint.ts"

/** An open port. */
export interface Port {
  readonly address: NetAddress.SocketAddress
  readonly events: ListenerEvents
  readonly options: ListenOptions
  /** Connections whose handshake is over and which were not reported yet. */
  readonly backlog: Set<Endpoint>
}

/** The ephemeral ports of RFC 6335, section 6. */
const firstPort = 49_152
const lastPort = 65_535

const sameFamily = (self: NetAddress.IpAddress, that: NetAddress.IpAddress): boolean =>
  NetAddress.familyOf(self) === NetAddress.familyOf(that)

const sameIp = (self: NetAddress.IpAddress, that: NetAddress.IpAddress): boolean =>
  NetAddress.formatIp(self) === NetAddress.formatIp(that)

/** Whether a port that was opened on `bound` takes what is sent to `ip`. */
const covers = (bound: NetAddress.IpAddress, options: ListenOptions, ip: NetAddress.IpAddress): boolean =>
  NetAddress.isUnspecified(bound)
    ? sameFamily(bound, ip) || (NetAddress.isIpv6Address(bound) && options.ipv6Only === false)
    : sameIp(bound, ip)

const overlap = (port: Port, ip: NetAddress.IpAddress, options: ListenOptions): boolean =>
  NetAddress.isInetAddress(port.address) &&
  !(port.options.reusePort === true && options.reusePort === true) &&
  (covers(port.address.address, port.options, ip) || covers(ip, options, port.address.address))

export class Host {
  readonly name: string
  /** Loopback apart: every host has that. */
  readonly addresses: ReadonlyArray<NetAddress.IpAddress>
  /** Open ports, by number or path. */
  private readonly ports = new Map<number | string, Array<Port>>()
  private readonly clientPorts = new Set<number>()
  private nextPort = firstPort

  constructor(name: string, addresses: ReadonlyArray<NetAddress.IpAddress>) {
    this.name = name
    this.addresses = addresses
  }

  get openPorts(): number {
    let count = 0
    for (const ports of this.ports.values()) count += ports.length
    return count
  }

  owns(ip: NetAddress.IpAddress): boolean {
    return NetAddress.isLoopback(ip) || this.addresses.some((own) => sameIp(own, ip))
  }

  /** The address that this host sends from. */
  source(to: NetAddress.IpAddress): NetAddress.IpAddress | undefined {
    if (NetAddress.isLoopback(to)) {
      return NetAddress.isIpv4Address(to) ? NetAddress.ipv4Loopback : NetAddress.ipv6Loopback
    }
    return this.addresses.find((own) => sameFamily(own, to))
  }

  listen(
    address: NetAddress.SocketAddress,
    events: ListenerEvents,
    options: ListenOptions
  ): Result.Result<Port, Reason> {
    const key = address._tag === "UnixPathAddress" ? address.path : address.port === 0 ? this.freePort() : address.port
    if (key === undefined) return Result.fail({ _tag: "AddressInUse" })
    const others = this.ports.get(key) ?? []
    if (address._tag === "UnixPathAddress") {
      if (others.length > 0) return Result.fail({ _tag: "AddressInUse" })
    } else {
      const ip = address.address
      if (!this.owns(ip) && !NetAddress.isUnspecified(ip)) return Result.fail({ _tag: "AddressNotAvailable" })
      if (this.clientPorts.has(address.port) || others.some((port) => overlap(port, ip, options))) {
        return Result.fail({ _tag: "AddressInUse" })
      }
    }
    const opened = typeof key === "number" && NetAddress.isInetAddress(address) ? withPort(address, key) : address
    const port: Port = { address: opened, events, options, backlog: new Set() }
    this.ports.set(key, [...others, port])
    return Result.succeed(port)
  }

  /** Closes a port. Whether it was open. */
  close(port: Port): boolean {
    const key = keyOf(port.address)
    const ports = this.ports.get(key) ?? []
    if (!ports.includes(port)) return false
    const rest = ports.filter((other) => other !== port)
    if (rest.length > 0) this.ports.set(key, rest)
    else this.ports.delete(key)
    return true
  }

  /** Who listens there. Those that share a port take turns. */
  find(address: NetAddress.SocketAddress, turn: number): Port | undefined {
    const ports = this.ports.get(keyOf(address)) ?? []
    const takers = ports.filter(
      (port) =>
        !NetAddress.isInetAddress(address) ||
        (NetAddress.isInetAddress(port.address) && covers(port.address.address, port.options, address.address))
    )
    // An address of its own comes before the wildcard.
    const exact = takers.filter(
      ({ address }) => !NetAddress.isInetAddress(address) || !NetAddress.isUnspecified(address.address)
    )
    const best = exact.length > 0 ? exact : takers
    return best[turn % best.length]
  }

  /** Takes a port to connect from. */
  takePort(wanted: number | undefined): Result.Result<number, Reason> {
    if (wanted === undefined) {
      const free = this.freePort()
      if (free === undefined) return Result.fail({ _tag: "AddressNotAvailable" })
      this.clientPorts.add(free)
      return Result.succeed(free)
    }
    if (this.isTaken(wanted)) return Result.fail({ _tag: "AddressInUse" })
    this.clientPorts.add(wanted)
    return Result.succeed(wanted)
  }

  releasePort(port: number): void {
    this.clientPorts.delete(port)
  }

  private isTaken(port: number): boolean {
    return this.clientPorts.has(port) || this.ports.has(port)
  }

  private freePort(): number | undefined {
    for (let tried = firstPort; tried <= lastPort; tried++) {
      const port = this.nextPort
      this.nextPort = port === lastPort ? firstPort : port + 1
      if (!this.isTaken(port)) return port
    }
    return undefined
  }
}

const keyOf = (address: NetAddress.SocketAddress): number | string =>
  address._tag === "UnixPathAddress" ? address.path : address.port

const withPort = (address: NetAddress.InetAddress, port: number): NetAddress.InetAddress =>
  address.port === port ? address : NetAddress.inetAddressUnsafe(address.address, port)
