/** The two ends of one connection inside the process: a test of a protocol needs no more. */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as NetAddress from "effect/net/NetAddress"
import type * as Scope from "effect/Scope"
import * as MemoryNetwork from "../MemoryNetwork.ts"
import type { NetworkError } from "../NetworkError.ts"
import * as ServerSocket from "../ServerSocket.ts"
import * as SocketStream from "../SocketStream.ts"

const address = NetAddress.inetAddressUnsafe(NetAddress.ipv4Loopback, 0)

/**
 * Two streams that are connected with each other: what one writes the other reads. The first is the client's, the second
 * the server's. They live on a `MemoryNetwork` of their own, with its defaults, until the scope closes. The options are for
 * both.
 *
 * **Errors**: `InvalidOption`. **Interruption** leaves no connection.
 *
 * ```ts
 * import * as SocketStream from "@effect-sockets/socket/SocketStream"
 * import * as SocketPair from "@effect-sockets/socket/testing/SocketPair"
 * import { Effect, Option } from "effect"
 * const program = Effect.gen(function* () {
 *   const [client, server] = yield* SocketPair.make()
 *   yield* SocketStream.writeLine(client, "hello")
 *   return yield* SocketStream.readLine(server)
 * })
 * await Effect.runPromise(Effect.scoped(program)) // => Option.some("hello")
 * ```
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = Effect.fnUntraced(function* (
  options: SocketStream.Options = {}
): Effect.fn.Return<
  readonly [client: SocketStream.SocketStream, server: SocketStream.SocketStream],
  NetworkError,
  Scope.Scope
> {
  const context = yield* Layer.build(Layer.fresh(MemoryNetwork.layer()))
  const port = yield* Effect.provide(ServerSocket.listen(address, options), context)
  const client = yield* Effect.provide(SocketStream.open(port.address, options), context)
  const server = yield* ServerSocket.accept(port)
  yield* ServerSocket.close(port)
  return [client, server]
})
