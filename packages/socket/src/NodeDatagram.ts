/** Datagrams over `node:dgram`, through effect's adapter: UDP over IPv4 and IPv6. */
import * as NodeDatagramSocket from "@effect/platform-node/NodeDatagramSocket"
import * as Layer from "effect/Layer"
import * as NetAddress from "effect/net/NetAddress"
import { DatagramNetwork, type Request } from "./Datagram.ts"

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
  DatagramNetwork.of({ socket: (request) => NodeDatagramSocket.make(toOptions(request)) })
)
