/**
 * TCP, over IPv4 and IPv6, and Unix-domain sockets, over `node:net`; each of them under TLS, over `node:tls`.
 *
 * Unix-domain sockets: a path has at most 107 bytes on Linux (103 elsewhere); a first NUL byte makes it a name of Linux's
 * abstract kind. Listening makes the file and closing removes it, unless another has taken its place by then; a file that
 * a dead process left is replaced, if it is a socket and nobody answers. Where the backlog is full, a client waits for
 * room. These sockets know no reset: a peer sees the end of input instead, unless it left input unread. Node does not tell
 * who the peer is (SO_PEERCRED).
 *
 * A TCP connection whose peer has ended its output is asked four times a second whether it was reset since: the system
 * does not tell of that by itself.
 */
import * as Layer from "effect/Layer"
import { readFileSync } from "node:fs"
import { dial } from "./internal/node/NodeDialer.ts"
import { listen, listenOn } from "./internal/node/NodeListener.ts"
import { timers } from "./internal/node/NodeTimers.ts"
import { checkServer } from "./internal/node/NodeTls.ts"
import { make, Network } from "./Network.ts"

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
 * Half of what the descriptor limit leaves, since a handler may hold a file for each connection: out of descriptors, Node
 * accepts and closes connections without a word.
 */
const capacityOf = (limit: number): number => Math.max(1, Math.floor((limit - reservedDescriptors) / 2))

/**
 * The network of this machine.
 *
 * ```ts
 * import { Effect, Option } from "effect"
 * import * as NodeNetwork from "@effect-sockets/socket/NodeNetwork"
 * import * as ServerSocket from "@effect-sockets/socket/ServerSocket"
 * import * as SocketStream from "@effect-sockets/socket/SocketStream"
 * const program = Effect.gen(function* () {
 *   const server = yield* ServerSocket.listen(0)
 *   const near = yield* SocketStream.open(server.address, { lingerTimeout: 0 })
 *   yield* SocketStream.writeLine(near, "hello")
 *   return yield* SocketStream.readLine(yield* ServerSocket.accept(server))
 * }).pipe(Effect.scoped, Effect.provide(NodeNetwork.layer))
 * await Effect.runPromise(program) // => Option.some("hello")
 * ```
 *
 * @category layers
 * @since 0.1.0
 */
export const layer: Layer.Layer<Network> = Layer.sync(Network, () =>
  make({ dial, listen, listenOn, checkTls: checkServer, timers, capacity: capacityOf(descriptorLimit()) })
)
