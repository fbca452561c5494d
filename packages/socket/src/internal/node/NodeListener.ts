/** Open ports of node:net. */
import * as Effect from "effect/Effect"
import * as NetAddress from "effect/net/NetAddress"
import * as Net from "node:net"
import type { DescriptorOptions, Listener, ListenerEvents, ListenOptions } from "../../Network.ts"
import { make, type NetworkError, type Reason, reasonFromCause } from "../../NetworkError.ts"
import { guard, report } from "../guard.ts"
import { addressProblem, inetAddress, nativeHost, unnamed } from "./NodeAddress.ts"
import { type KnownAddresses, unknown } from "./NodeConnection.ts"
import { adopt, pathOf, reasonOf } from "./NodeDescriptor.ts"
import { closing, type FileIdentity, identify, removeStale } from "./NodeSocketFile.ts"
import { apply, atStart, hasMore, setsNoDelayLater, unsupported } from "./NodeSocketOptions.ts"
import { PlainConnection } from "./NodeTls.ts"

/** As in Node and nginx. */
const defaultBacklog = 511

/** Opens an address until the scope closes. A socket file that a dead process left is replaced. */
export const listen = (address: NetAddress.SocketAddress, events: ListenerEvents, options: ListenOptions = {}) => {
  const opened = openPort(address, events, options)
  return Effect.acquireRelease(
    address._tag === "UnixPathAddress"
      ? Effect.catchReason(opened, "NetworkError", "AddressInUse", (_, error) =>
          Effect.flatMap(
            Effect.mapError(removeStale(address.path), (reason) => make("listen", address, reason)),
            (removed) => (removed ? opened : Effect.fail(error))
          )
        )
      : opened,
    (listener) => listener.close,
    { interruptible: true }
  )
}

/** Both ends of a connection that come from the listener itself, where it is open on one address. */
const knownAt = (address: NetAddress.SocketAddress): KnownAddresses => {
  if (address._tag === "UnixPathAddress") return { local: address, remote: unnamed }
  return NetAddress.isUnspecified(address.address) ? unknown : { local: address, remote: undefined }
}

/** What `node:net` reports of one port, in the words of the contract. */
class Port {
  readonly server: Net.Server
  private readonly events: ListenerEvents
  private known: KnownAddresses = unknown

  constructor(events: ListenerEvents, options: DescriptorOptions, isPath: boolean) {
    this.events = events
    const setsMore = !isPath && hasMore(options)
    const setsNoDelay = !isPath && setsNoDelayLater(options)
    this.server = Net.createServer({ allowHalfOpen: true, ...atStart(options) }, (socket) => {
      const connection = new PlainConnection(socket, this.known, setsNoDelay)
      try {
        if (setsMore) apply(socket, options)
        events.connection(connection)
      } catch (cause) {
        connection.reset()
        report(cause, events.defect)
      }
    })
  }

  /** Calls one of the two, once. */
  begin(begin: () => void, listening: () => void, failed: (cause: unknown) => void): void {
    const { server } = this
    server.once("error", failed)
    server.once("listening", () => {
      server.off("error", failed)
      listening()
    })
    try {
      begin()
    } catch (cause) {
      failed(cause)
    }
  }

  /** It is open: at the address that the system tells, or else at this one. */
  opened(otherwise: NetAddress.SocketAddress): NetAddress.SocketAddress {
    const { events, server } = this
    const bound = server.address()
    const address = bound === null || typeof bound === "string" ? otherwise : inetAddress(bound.address, bound.port)
    this.known = knownAt(address)
    server.on("error", (cause) =>
      guard(() => events.error(make("accept", address, reasonFromCause(cause))), events.defect)
    )
    return address
  }
}

/** Newer versions have it: 26.4 does. It tells the number of its descriptor. */
const hasBoundSocket = typeof Net.BoundSocket === "function"

const openPort = (
  address: NetAddress.SocketAddress,
  events: ListenerEvents,
  options: ListenOptions
): Effect.Effect<Listener, NetworkError> =>
  Effect.callback((resume) => {
    const isPath = address._tag === "UnixPathAddress"
    const fail = (reason: Reason): void => resume(Effect.fail(make("listen", address, reason)))
    const failed = (cause: unknown): void => {
      const reason = reasonFromCause(cause)
      // A path without its folder: libuv calls that EACCES, Bun and Deno do not.
      fail(reason._tag === "Unknown" && reason.code === "ENOENT" ? { _tag: "PermissionDenied" } : reason)
    }
    const problem = addressProblem(address)
    if (problem !== undefined) return fail({ _tag: "InvalidAddress", detail: problem })
    const lacking = unsupported(options)
    if (lacking !== undefined) return fail(lacking)
    const port = new Port(events, options, isPath)
    const { server } = port
    const backlog = options.backlog ?? defaultBacklog
    let file: FileIdentity | undefined
    let descriptor: number | undefined
    // Its connections are not the listener's: they may live on, so nobody waits for them here.
    const close = Effect.sync(() => {
      if (isPath && server.listening) closing(address.path, file, () => server.close())
      else server.close()
    })
    const begin = (): void => {
      if (isPath) return void server.listen({ path: address.path, backlog, exclusive: true })
      const at = {
        host: nativeHost(address),
        port: address.port,
        ipv6Only: options.ipv6Only ?? true,
        reusePort: options.reusePort ?? false
      }
      if (!hasBoundSocket) return void server.listen({ ...at, backlog, exclusive: true })
      const bound = new Net.BoundSocket(at)
      descriptor = bound.fd()
      server.listen(bound, backlog)
    }
    port.begin(begin, () => resume(Effect.succeed({ address: port.opened(address), close, descriptor })), failed)
    // The path is bound by now; what lies there later may be another's.
    if (isPath && server.listening) file = identify(address.path)
    return close
  })

/** Takes a descriptor that listens, until the scope closes. */
export const listenOn = (descriptor: number, events: ListenerEvents, options: DescriptorOptions = {}) =>
  Effect.acquireRelease(
    Effect.callback<Listener, NetworkError>((resume) => {
      const fail = (reason: Reason): void => resume(Effect.fail(make("listen", `descriptor ${descriptor}`, reason)))
      const lacking = unsupported(options)
      if (lacking !== undefined) return fail(lacking)
      const path = pathOf(descriptor)
      const port = new Port(events, options, path !== undefined)
      const { server } = port
      const close = Effect.sync(() => void server.close())
      const begin = (): void => {
        const socket = adopt(descriptor)
        if ("_tag" in socket) return fail(socket)
        server.listen(socket, options.backlog ?? defaultBacklog)
      }
      port.begin(
        begin,
        () => resume(Effect.succeed({ address: port.opened(path ?? unnamed), close, descriptor })),
        (cause) => fail(reasonOf(cause))
      )
      return close
    }),
    (listener) => listener.close,
    { interruptible: true }
  )
