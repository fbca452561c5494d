/** Open ports of node:net. */
import * as Effect from "effect/Effect"
import * as NetAddress from "effect/net/NetAddress"
import * as Net from "node:net"
import type { Listener, ListenerEvents, ListenOptions } from "../../Network.ts"
import { make, type NetworkError, type Reason, reasonFromCause } from "../../NetworkError.ts"
import { guard, report } from "../guard.ts"
import { inetAddress, nativeHost, pathProblem, unnamed } from "./NodeAddress.ts"
import { type KnownAddresses, unknown } from "./NodeConnection.ts"
import { closing, type FileIdentity, identify, removeStale } from "./NodeSocketFile.ts"
import { apply, atStart, hasMore, unsupported } from "./NodeSocketOptions.ts"
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

const openPort = (
  address: NetAddress.SocketAddress,
  events: ListenerEvents,
  options: ListenOptions
): Effect.Effect<Listener, NetworkError> =>
  Effect.callback((resume) => {
    const isPath = address._tag === "UnixPathAddress"
    const fail = (reason: Reason): void => resume(Effect.fail(make("listen", address, reason)))
    const problem = isPath ? pathProblem(address.path) : undefined
    if (problem !== undefined) return fail({ _tag: "InvalidAddress", detail: problem })
    const lacking = unsupported(options)
    if (lacking !== undefined) return fail(lacking)
    let known = knownAt(address)
    const setsMore = !isPath && hasMore(options)
    const server = Net.createServer({ allowHalfOpen: true, ...atStart(options) }, (socket) => {
      const connection = new PlainConnection(socket, known)
      try {
        if (setsMore) apply(socket, options)
        events.connection(connection)
      } catch (cause) {
        connection.reset()
        report(cause, events.defect)
      }
    })
    const onError = (cause: unknown): void => fail(reasonFromCause(cause))
    server.once("error", onError)
    let file: FileIdentity | undefined
    // Its connections are not the listener's: they may live on, so nobody waits for them here.
    const close = Effect.sync(() => {
      if (isPath && server.listening) closing(address.path, file, () => server.close())
      else server.close()
    })
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
        backlog: options.backlog ?? defaultBacklog,
        exclusive: true
      })
    } catch (cause) {
      return onError(cause)
    }
    // The path is bound by now; what lies there later may be another's.
    if (isPath && server.listening) file = identify(address.path)
    server.once("listening", () => {
      server.off("error", onError)
      const bound = server.address()
      const opened = bound === null || typeof bound === "string" ? address : inetAddress(bound.address, bound.port)
      known = knownAt(opened)
      server.on("error", (cause) =>
        guard(() => events.error(make("accept", opened, reasonFromCause(cause))), events.defect)
      )
      resume(Effect.succeed({ address: opened, close }))
    })
    return close
  })
