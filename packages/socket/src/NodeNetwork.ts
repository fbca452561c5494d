/**
 * TCP, over IPv4 and IPv6, and Unix-domain sockets, over `node:net`; each of them under TLS, over `node:tls`.
 *
 * Unix-domain sockets: a path has at most 107 bytes on Linux (103 elsewhere); a first NUL byte makes it a name of Linux's
 * abstract kind. Listening makes the file and closing removes it; a file that a dead process left is replaced, if it is a
 * socket and nobody answers. These sockets know no reset: a peer sees the end of input instead, unless it left input
 * unread. Node does not tell who the peer is (SO_PEERCRED).
 */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as NetAddress from "effect/net/NetAddress"
import { readFileSync, rmSync, statSync } from "node:fs"
import * as Net from "node:net"
import { deliver, guard, report } from "./internal/guard.ts"
import { inetAddress, nativeHost, pathProblem } from "./internal/node/NodeAddress.ts"
import { type KnownAddresses, unknown } from "./internal/node/NodeConnection.ts"
import { timers } from "./internal/node/NodeTimers.ts"
import { checkServer, PlainConnection } from "./internal/node/NodeTls.ts"
import type { ConnectOptions, DialEvents, Listener, ListenerEvents, ListenOptions } from "./Network.ts"
import { make, Network } from "./Network.ts"
import { type Operation, type Reason, reasonFromCause, NetworkError } from "./NetworkError.ts"

const errorAt = (operation: Operation, address: NetAddress.SocketAddress, reason: Reason): NetworkError =>
  NetworkError.make({ operation, address: NetAddress.formatSocketAddress(address), reason })

const keepAlive = (duration: Duration.Input | undefined): { keepAlive?: true; keepAliveInitialDelay?: number } =>
  duration === undefined ? {} : { keepAlive: true, keepAliveInitialDelay: Duration.toMillis(duration) }

/** What Node would let pass: it cuts paths and ports to their size without a word. */
const invalid = (
  operation: Operation,
  address: NetAddress.SocketAddress,
  localPort?: number
): NetworkError | undefined => {
  const isPort = localPort === undefined || (Number.isInteger(localPort) && localPort >= 1 && localPort <= 65_535)
  const detail = !isPort
    ? `local port ${localPort} is not an integer from 1 to 65535`
    : address._tag === "UnixPathAddress"
      ? pathProblem(address.path)
      : undefined
  return detail === undefined ? undefined : errorAt(operation, address, { _tag: "InvalidAddress", detail })
}

/** A path that leads nowhere refuses just as a port that nobody opened. */
const connectReason = (address: NetAddress.SocketAddress, cause: unknown): Reason => {
  const reason = reasonFromCause(cause)
  return address._tag === "UnixPathAddress" && reason._tag === "Unknown" && reason.code === "ENOENT"
    ? { _tag: "ConnectionRefused" }
    : reason
}

const dial = (address: NetAddress.SocketAddress, options: ConnectOptions, events: DialEvents): (() => void) => {
  const fail = (cause: unknown): void =>
    guard(() => events.failed(errorAt("connect", address, connectReason(address, cause))), events.defect)
  const error = invalid("connect", address, options.localPort)
  if (error !== undefined) {
    guard(() => events.failed(error), events.defect)
    return doNothing
  }
  let socket: Net.Socket
  try {
    socket = Net.connect({
      ...(address._tag === "UnixPathAddress"
        ? { path: address.path }
        : { host: nativeHost(address), port: address.port, noDelay: options.noDelay ?? true }),
      allowHalfOpen: true,
      ...keepAlive(options.keepAlive),
      ...(options.localAddress === undefined ? {} : { localAddress: NetAddress.formatIp(options.localAddress) }),
      ...(options.localPort === undefined ? {} : { localPort: options.localPort })
    })
  } catch (cause) {
    fail(cause)
    return doNothing
  }
  let isOver = false
  socket.once("error", (cause) => {
    if (isOver) return
    isOver = true
    fail(cause)
  })
  socket.once("connect", () => {
    if (isOver) return
    isOver = true
    const local = address._tag === "UnixPathAddress" ? unnamed : undefined
    deliver(new PlainConnection(socket, { local, remote: address }), events)
  })
  return () => {
    if (isOver) return
    isOver = true
    socket.destroy()
  }
}

const doNothing = (): void => {}

/** The address of a Unix-domain socket that was not bound to a path: every client's. */
const unnamed = NetAddress.unixPathAddress("")

const closeServer = (server: Net.Server): Effect.Effect<void> =>
  Effect.sync(() => {
    // Its connections are not the listener's: they may live on, so nobody waits for them here.
    server.close()
  })

const listen = (address: NetAddress.SocketAddress, events: ListenerEvents, options: ListenOptions = {}) => {
  const opened = openPort(address, events, options)
  return Effect.acquireRelease(
    address._tag === "UnixPathAddress"
      ? Effect.catchReason(opened, "NetworkError", "AddressInUse", (_, error) =>
          Effect.flatMap(removeStale(address.path), (removed) => (removed ? opened : Effect.fail(error)))
        )
      : opened,
    (listener) => listener.close,
    { interruptible: true }
  )
}

/**
 * Removes the file that a dead process left: only a socket, and only if nobody answers there. Between the question and
 * the removal another process could open the path; it would lose its name, not its connections.
 */
const removeStale = (path: string): Effect.Effect<boolean> =>
  Effect.callback((resume) => {
    const isSocket = statSync(path, { throwIfNoEntry: false })?.isSocket() ?? false
    if (!isSocket) return resume(Effect.succeed(false))
    const probe = Net.connect({ path })
    probe.once("connect", () => {
      probe.destroy()
      resume(Effect.succeed(false))
    })
    probe.once("error", (cause) => {
      const refused = reasonFromCause(cause)._tag === "ConnectionRefused"
      resume(
        Effect.sync(() => {
          if (refused) rmSync(path, { force: true })
          return refused
        })
      )
    })
    return Effect.sync(() => {
      probe.destroy()
    })
  })

const openPort = (
  address: NetAddress.SocketAddress,
  events: ListenerEvents,
  options: ListenOptions
): Effect.Effect<Listener, NetworkError> =>
  Effect.callback((resume) => {
    const error = invalid("listen", address)
    if (error !== undefined) return resume(Effect.fail(error))
    const isPath = address._tag === "UnixPathAddress"
    let known: KnownAddresses = isPath ? { local: address, remote: unnamed } : unknown
    const server = Net.createServer(
      { allowHalfOpen: true, noDelay: options.noDelay ?? true, ...keepAlive(options.keepAlive) },
      (socket) => {
        const connection = new PlainConnection(socket, known)
        try {
          events.connection(connection)
        } catch (cause) {
          connection.reset()
          report(cause, events.defect)
        }
      }
    )
    const fail = (cause: unknown): void => resume(Effect.fail(errorAt("listen", address, reasonFromCause(cause))))
    server.once("error", fail)
    try {
      server.listen({
        ...(isPath
          ? { path: address.path }
          : {
              host: nativeHost(address),
              port: address.port,
              ipv6Only: options.ipv6Only ?? true,
              reusePort: options.reusePort ?? false
            }),
        backlog: options.backlog ?? 511,
        exclusive: true
      })
    } catch (cause) {
      return fail(cause)
    }
    server.once("listening", () => {
      server.off("error", fail)
      const bound = server.address()
      const opened = bound === null || typeof bound === "string" ? address : inetAddress(bound.address, bound.port)
      if (NetAddress.isInetAddress(opened) && !NetAddress.isUnspecified(opened.address)) {
        known = { local: opened, remote: undefined }
      }
      server.on("error", (cause) =>
        guard(() => events.error(errorAt("accept", opened, reasonFromCause(cause))), events.defect)
      )
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

/** The network of this machine. */
export const layer: Layer.Layer<Network> = Layer.sync(Network, () =>
  make({ dial, listen, checkTls: checkServer, timers, capacity: capacityOf(descriptorLimit()) })
)
