/**
 * The datagrams of a memory network: sockets by their port, and messages under way. A message is lost, doubled or late by
 * its own draws, and none waits for another.
 */
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as NetAddress from "effect/net/NetAddress"
import * as Result from "effect/Result"
import * as DatagramSocket from "effect/socket/DatagramSocket"
import type { Request } from "../../Datagram.ts"
import { describe, type Reason } from "../../NetworkError.ts"
import type { Draw } from "./Circuit.ts"
import type { Host } from "./Host.ts"
import type { Topology } from "./Topology.ts"
import type { TraceKind } from "./Trace.ts"

/** The longest payload of UDP over IPv4: 65,535 less both headers. */
const longestPayload = 65_507

/** The ephemeral ports of RFC 6335, section 6. */
const firstPort = 49_152
const lastPort = 65_535

/** An open socket. */
interface Bound {
  readonly host: Host
  readonly address: NetAddress.InetAddress
  readonly peer: NetAddress.InetAddress | undefined
  readonly events: DatagramSocket.BackingEvents
  readonly onError: Request["onError"]
}

const runtime = "the memory network"

const openError = (
  kind: DatagramSocket.DatagramSocketOpenError["kind"],
  reason: Reason
): DatagramSocket.DatagramSocketError =>
  new DatagramSocket.DatagramSocketError({
    reason: new DatagramSocket.DatagramSocketOpenError({ kind, cause: new Error(describe(reason)) })
  })

const writeError = (kind: DatagramSocket.IoErrorKind, detail: string): DatagramSocket.DatagramSocketError =>
  new DatagramSocket.DatagramSocketError({
    reason: new DatagramSocket.DatagramSocketWriteError({ kind, cause: new Error(detail) })
  })

const refused = (): DatagramSocket.DatagramSocketError =>
  new DatagramSocket.DatagramSocketError({
    reason: new DatagramSocket.DatagramSocketReadError({
      kind: "ConnectionRefused",
      cause: new Error("nobody listens there")
    })
  })

const same = (self: NetAddress.InetAddress, that: NetAddress.InetAddress): boolean =>
  self.port === that.port && NetAddress.formatIp(self.address) === NetAddress.formatIp(that.address)

const sameFamily = (self: NetAddress.IpAddress, that: NetAddress.IpAddress): boolean =>
  NetAddress.familyOf(self) === NetAddress.familyOf(that)

/** Whether a socket hears what is sent to an address. */
const hears = (bound: NetAddress.InetAddress, to: NetAddress.InetAddress): boolean =>
  bound.port === to.port &&
  (NetAddress.isUnspecified(bound.address)
    ? sameFamily(bound.address, to.address)
    : NetAddress.formatIp(bound.address) === NetAddress.formatIp(to.address))

export class Datagrams {
  private readonly topology: Topology
  private readonly draws: (name: string) => Draw
  private readonly sockets = new Set<Bound>()
  private opened = 0
  private nextPort = firstPort

  constructor(topology: Topology, draws: (name: string) => Draw) {
    this.topology = topology
    this.draws = draws
  }

  /** Open sockets. */
  get size(): number {
    return this.sockets.size
  }

  /** Every socket hears that it is closed. */
  close(): void {
    for (const { events } of this.sockets) events.onClose()
    this.sockets.clear()
  }

  /** A socket of a host's. */
  socket(host: Host, request: Request): Effect.Effect<DatagramSocket.DatagramSocket> {
    const { onError, options } = request
    return DatagramSocket.makeFromBackingSocket(
      (events) => Effect.suspend(() => Effect.fromResult(this.open(host, request, events))),
      {
        receiveBuffer: {
          capacity: options.queue,
          strategy: options.whenFull === "dropOldest" ? "sliding" : "dropping"
        },
        onError
      }
    )
  }

  private open(
    host: Host,
    { local, onError, peer }: Request,
    events: DatagramSocket.BackingEvents
  ): Result.Result<DatagramSocket.BackingSocket, DatagramSocket.DatagramSocketError> {
    const ip = peer !== undefined && NetAddress.isUnspecified(local.address) ? host.source(peer.address) : local.address
    if (ip === undefined || (!host.owns(ip) && !NetAddress.isUnspecified(ip))) {
      return Result.fail(openError("AddressNotAvailable", { _tag: "AddressNotAvailable" }))
    }
    const port = local.port === 0 ? this.freePort(host) : local.port
    const address = NetAddress.inetAddressUnsafe(ip, port)
    if ([...this.sockets].some((other) => other.host === host && clash(other.address, address))) {
      return Result.fail(openError("AddressInUse", { _tag: "AddressInUse" }))
    }
    const bound: Bound = { host, address, peer, events, onError }
    this.sockets.add(bound)
    const draw = this.draws(`datagrams/${++this.opened}`)
    const send = (
      payload: Uint8Array,
      to: DatagramSocket.BackingAddress | undefined
    ): DatagramSocket.DatagramSocketError | undefined =>
      this.send(
        bound,
        payload,
        to === undefined ? peer! : NetAddress.inetAddressFromNativeUnsafe(to.host, to.port),
        draw
      )
    return Result.succeed({
      address: { host: NetAddress.formatIp(ip), port },
      peer: peer && { host: NetAddress.formatIp(peer.address), port: peer.port },
      connected: peer !== undefined,
      send: (payload, to, done) => done(guarded(() => send(payload, to))),
      sendMany: (payloads, destinations, done) => {
        for (const [index, payload] of payloads.entries()) {
          const error = guarded(() => send(payload, destinations[index]))
          if (error !== undefined) return done(error, index)
        }
        done()
      },
      joinMulticast: () =>
        Effect.fail(
          new DatagramSocket.DatagramSocketError({
            reason: new DatagramSocket.DatagramSocketUnsupportedError({ capability: "multicast", runtime })
          })
        ),
      close: () => {
        this.sockets.delete(bound)
      }
    })
  }

  private send(
    from: Bound,
    payload: Uint8Array,
    to: NetAddress.InetAddress,
    draw: Draw
  ): DatagramSocket.DatagramSocketError | undefined {
    const { timers } = this.topology
    const target = this.topology.route(from.host, to)
    const ip = NetAddress.isUnspecified(from.address.address) ? from.host.source(to.address) : from.address.address
    if (target === undefined || ip === undefined) return writeError("Unreachable", "no route to host")
    const source = NetAddress.inetAddressUnsafe(ip, from.address.port)
    const way = this.topology.nature.way(source, to)
    if (Result.isFailure(way)) return writeError("Unknown", describe(way.failure))
    const { duplication, jitter, latency, loss, mtu } = way.success
    if (payload.length > Math.min(mtu, longestPayload)) return writeError("MessageTooLarge", "message too long")
    this.note("sent datagram", source, to, payload.length)
    // The program may change its array when it is told that it is sent.
    const bytes = payload.slice()
    const copies = loss > 0 && draw() < loss ? 0 : duplication > 0 && draw() < duplication ? 2 : 1
    if (copies === 0) this.note("lost datagram", source, to, bytes.length)
    for (let copy = 0; copy < copies; copy++) {
      timers.set(latency + (jitter > 0 ? draw() * jitter : 0), () =>
        this.arrive(from, source, target, to, bytes.slice())
      )
    }
    return undefined
  }

  private arrive(
    from: Bound,
    source: NetAddress.InetAddress,
    target: Host,
    to: NetAddress.InetAddress,
    bytes: Uint8Array
  ): void {
    if (this.topology.isBlocked(NetAddress.formatIp(source.address), NetAddress.formatIp(to.address))) {
      return this.note("lost datagram", source, to, bytes.length)
    }
    const takers = [...this.sockets].filter(({ address, host }) => host === target && hears(address, to))
    const taker =
      takers.find(({ peer }) => peer !== undefined && same(peer, source)) ??
      takers.find(({ peer }) => peer === undefined)
    if (taker === undefined) {
      this.note("lost datagram", source, to, bytes.length)
      // The host's kernel says so, and only a connected socket's program hears of it.
      if (from.peer !== undefined && this.sockets.has(from)) from.events.onError(refused())
      return
    }
    this.note("got datagram", to, source, bytes.length)
    taker.events.onPacket(bytes, NetAddress.formatIp(source.address), source.port)
  }

  private note(kind: TraceKind, from: NetAddress.InetAddress, to: NetAddress.InetAddress, bytes: number): void {
    this.topology.events.add({
      at: this.topology.timers.now(),
      connection: 0,
      kind,
      from: NetAddress.formatSocketAddress(from),
      to: NetAddress.formatSocketAddress(to),
      bytes
    })
  }

  private freePort(host: Host): number {
    const taken = new Set<number>()
    for (const socket of this.sockets) if (socket.host === host) taken.add(socket.address.port)
    for (let tried = firstPort; tried < lastPort; tried++) {
      const port = this.nextPort
      this.nextPort = port === lastPort ? firstPort : port + 1
      if (!taken.has(port)) return port
    }
    return lastPort
  }
}

/** Whether two sockets of one host would hear the same datagrams. */
const clash = (self: NetAddress.InetAddress, that: NetAddress.InetAddress): boolean =>
  self.port === that.port && (hears(self, that) || hears(that, self))

/** `link` may throw: that is the end of this send alone. */
const guarded = (
  send: () => DatagramSocket.DatagramSocketError | undefined
): DatagramSocket.DatagramSocketError | undefined => {
  try {
    return send()
  } catch (cause) {
    return writeError("Unknown", Cause.pretty(Cause.die(cause)))
  }
}
