import type * as Arr from "effect/Array"
import * as Effect from "effect/Effect"
import * as NetAddress from "effect/net/NetAddress"
import * as dgram from "node:dgram"
import * as os from "node:os"
import * as AddressOrder from "../AddressOrder.ts"

// Any port will do: connecting a datagram socket sends nothing, it asks the routing table.
const port = 9

const localAddress = (destination: NetAddress.IpAddress): Effect.Effect<string | undefined> =>
  Effect.callback((resume) => {
    const socket = dgram.createSocket(NetAddress.isIpv4Address(destination) ? "udp4" : "udp6")
    const done = (address: string | undefined) => {
      socket.removeAllListeners().close()
      resume(Effect.succeed(address))
    }
    socket.on("error", () => done(undefined))
    socket.connect(port, NetAddress.formatIp(destination), () => done(socket.address().address))
    return Effect.sync(() => socket.removeAllListeners().close())
  })

const prefixLength = (address: string): number | undefined => {
  const found = Object.values(os.networkInterfaces()).flatMap((list) => list ?? [])
  return Number(found.find((entry) => entry.address === address)?.cidr?.split("/")[1]) || undefined
}

/**
 * Sorts destinations by RFC 6724 with the source addresses the system would use, as getaddrinfo does. IPv4 alone has
 * nothing to sort by and costs no sockets.
 */
export const sort = Effect.fnUntraced(function* (destinations: Arr.NonEmptyReadonlyArray<NetAddress.IpAddress>) {
  if (destinations.length < 2 || destinations.every(NetAddress.isIpv4Address)) return destinations
  const locals = yield* Effect.forEach(destinations, localAddress, { concurrency: 8 })
  const sources = new Map(
    destinations.map((destination, i) => {
      const local = locals[i]?.replace(/%.*/, "")
      return [
        destination,
        local === undefined
          ? undefined
          : { address: NetAddress.ipFromStringUnsafe(local), prefixLength: prefixLength(local) }
      ]
    })
  )
  return AddressOrder.sort(destinations, (destination) => sources.get(destination))
})
