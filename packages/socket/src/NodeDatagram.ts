/** Datagrams over `node:dgram`, through effect's adapter: UDP over IPv4 and IPv6. */
import * as NodeDatagramSocket from "@effect/platform-node/NodeDatagramSocket"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as NetAddress from "effect/net/NetAddress"
import * as DatagramSocket from "effect/socket/DatagramSocket"
import { DatagramNetwork, type Request } from "./Datagram.ts"
import { addressProblem } from "./internal/node/NodeAddress.ts"

const toOptions = ({ local, onError, options, peer }: Request): NodeDatagramSocket.Options => ({
  bind: local,
  // An IPv4 socket is none that could be told to be of IPv6 only.
  ...(NetAddress.isInetAddressV4(local) ? { family: "ipv4" } : { family: "ipv6", ipv6Only: true }),
  reuseAddress: options.reuseAddress,
  broadcast: options.broadcast,
  ttl: options.ttl,
  multicast: options.multicast,
  receiveBuffer: { capacity: options.queue, strategy: options.whenFull === "dropOldest" ? "sliding" : "dropping" },
  onError,
  ...(peer === undefined ? {} : { connect: peer })
})

/** A socket for an address that no socket can have. The code is Node's own for arguments that cannot be meant. */
const unopened = (problem: string): Effect.Effect<DatagramSocket.DatagramSocket> => {
  const cause = Object.assign(new Error(problem), { code: "ERR_INVALID_ARG_VALUE" })
  const reason = new DatagramSocket.DatagramSocketOpenError({ kind: "Unknown", cause })
  return DatagramSocket.makeFromBackingSocket(() => Effect.fail(new DatagramSocket.DatagramSocketError({ reason })))
}

/**
 * The datagrams of this machine.
 *
 * ```ts
 * import * as Datagram from "@effect-sockets/socket/Datagram"
 * import * as NodeDatagram from "@effect-sockets/socket/NodeDatagram"
 * import { Effect } from "effect"
 * import * as NetAddress from "effect/net/NetAddress"
 * const hear = Effect.gen(function* () {
 *   const socket = yield* Datagram.bind(NetAddress.inetAddressFromStringUnsafe("127.0.0.1:0"))
 *   yield* Datagram.send(socket, "hello", socket.localAddress)
 *   return new TextDecoder().decode((yield* Datagram.receive(socket)).payload)
 * })
 * await Effect.runPromise(Effect.provide(Effect.scoped(hear), NodeDatagram.layer)) // => "hello"
 * ```
 *
 * @category layers
 * @since 0.1.0
 */
export const layer: Layer.Layer<DatagramNetwork> = Layer.succeed(
  DatagramNetwork,
  DatagramNetwork.of({
    socket: (request) => {
      const problem = addressProblem(request.peer ?? request.local)
      return problem === undefined ? NodeDatagramSocket.make(toOptions(request)) : unopened(problem)
    }
  })
)
