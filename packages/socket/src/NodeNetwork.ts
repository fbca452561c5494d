/** TCP over `node:net`. */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as NetAddress from "effect/net/NetAddress"
import { readFileSync } from "node:fs"
import * as Net from "node:net"
import type { Connection } from "./Connection.ts"
import { inetAddress, nativeHost, NodeConnection } from "./internal/NodeConnection.ts"
import { type ConnectOptions, type Listener, type ListenerEvents, type ListenOptions, Network } from "./Network.ts"
import { type Operation, type Reason, reasonFromCause, SocketError } from "./SocketError.ts"

const errorAt = (operation: Operation, address: NetAddress.SocketAddress, reason: Reason): SocketError =>
  SocketError.make({ operation, address: NetAddress.formatSocketAddress(address), reason })

const unsupported = (operation: Operation, address: NetAddress.SocketAddress) =>
  Effect.fail(errorAt(operation, address, { _tag: "Unsupported", detail: "Unix-domain sockets" }))

const keepAlive = (duration: Duration.Input | undefined): { keepAlive?: true; keepAliveInitialDelay?: number } =>
  duration === undefined ? {} : { keepAlive: true, keepAliveInitialDelay: Duration.toMillis(duration) }

const connect = (
  address: NetAddress.SocketAddress,
  options: ConnectOptions = {}
): Effect.Effect<Connection, SocketError> => {
  if (!NetAddress.isInetAddress(address)) return unsupported("connect", address)
  return Effect.callback((resume) => {
    const fail = (cause: unknown): void => resume(Effect.fail(errorAt("connect", address, reasonFromCause(cause))))
    const open = (): Net.Socket =>
      Net.connect({
        host: nativeHost(address),
        port: address.port,
        allowHalfOpen: true,
        noDelay: options.noDelay ?? true,
        ...keepAlive(options.keepAlive),
        ...(options.localAddress === undefined ? {} : { localAddress: NetAddress.formatIp(options.localAddress) }),
        ...(options.localPort === undefined ? {} : { localPort: options.localPort })
      })
    let socket: Net.Socket
    try {
      socket = open()
    } catch (cause) {
      return fail(cause)
    }
    socket.once("error", fail)
    socket.once("connect", () => {
      socket.off("error", fail)
      resume(Effect.succeed(new NodeConnection(socket)))
    })
    return Effect.sync(() => {
      socket.destroy()
    })
  })
}

const isWildcard = (address: NetAddress.InetAddress): boolean => NetAddress.isUnspecified(address.address)

const closeServer = (server: Net.Server): Effect.Effect<void> =>
  Effect.sync(() => {
    // Its connections are not the listener's: they may live on, so nobody waits for them here.
    server.close()
  })

const listen = (address: NetAddress.SocketAddress, events: ListenerEvents, options: ListenOptions = {}) =>
  Effect.acquireRelease(
    Effect.suspend(() =>
      NetAddress.isInetAddress(address) ? open(address, events, options) : unsupported("listen", address)
    ),
    (listener) => listener.close,
    { interruptible: true }
  )

const open = (
  address: NetAddress.InetAddress,
  events: ListenerEvents,
  options: ListenOptions
): Effect.Effect<Listener, SocketError> =>
  Effect.callback((resume) => {
    let local: NetAddress.InetAddress | undefined
    const server = Net.createServer(
      { allowHalfOpen: true, noDelay: options.noDelay ?? true, ...keepAlive(options.keepAlive) },
      (socket) => events.connection(new NodeConnection(socket, local))
    )
    const fail = (cause: unknown): void => resume(Effect.fail(errorAt("listen", address, reasonFromCause(cause))))
    server.once("error", fail)
    try {
      server.listen({
        host: nativeHost(address),
        port: address.port,
        backlog: options.backlog ?? 511,
        ipv6Only: options.ipv6Only ?? true,
        reusePort: options.reusePort ?? false,
        exclusive: true
      })
    } catch (cause) {
      return fail(cause)
    }
    server.once("listening", () => {
      server.off("error", fail)
      const bound = server.address() as Net.AddressInfo
      const opened = inetAddress(bound.address, bound.port)
      if (!isWildcard(opened)) local = opened
      server.on("error", (cause) => events.error(errorAt("accept", opened, reasonFromCause(cause))))
      resume(Effect.succeed({ address: opened, close: closeServer(server) }))
    })
    return closeServer(server)
  })

/** The soft limit of open descriptors, where the system tells. */
const descriptorLimit = (): number => {
  try {
    const row = /^Max open files\s+(\d+)/m.exec(readFileSync("/proc/self/limits", "utf8"))
    return row === null ? Infinity : Number(row[1])
  } catch {
    return 1024
  }
}

/** Kept for the program itself: standard streams, the event loop, its files. */
const reservedDescriptors = 32

/**
 * Half of what the descriptor limit leaves, since a handler may hold a file for each connection, and at most 10,000:
 * out of descriptors, Node accepts and closes connections without a word.
 */
const capacityOf = (limit: number): number =>
  Math.max(1, Math.min(10_000, Math.floor((limit - reservedDescriptors) / 2)))

/** TCP, over IPv4 and IPv6. */
export const layer: Layer.Layer<Network> = Layer.sync(Network, () =>
  Network.of({ connect, listen, capacity: capacityOf(descriptorLimit()) })
)
