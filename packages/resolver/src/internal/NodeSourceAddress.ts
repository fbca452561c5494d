/**
 * Which address the system would send from, and the order of destinations that follows from it.
 */
import type * as Arr from "effect/Array"
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import * as Semaphore from "effect/Semaphore"
import * as NetAddress from "effect/net/NetAddress"
import * as dgram from "node:dgram"
import * as os from "node:os"
import * as AddressOrder from "../AddressOrder.ts"

// Any port will do: connecting a datagram socket sends nothing, it asks the routing table.
const port = 9

/** Answers come in crowds, and each address takes a socket for a moment. */
const maxSockets = 16
const sockets = Semaphore.makeUnsafe(maxSockets)

const localAddress = (destination: NetAddress.IpAddress): Effect.Effect<string | undefined> =>
  Effect.callback((resume) => {
    let socket: dgram.Socket | undefined
    let over = false
    const done = (address: () => string | undefined) => {
      if (over) return
      const found = orNothing(address)
      over = true
      orNothing(() => socket?.close())
      resume(Effect.succeed(found))
    }
    const started = Result.try(() => {
      socket = dgram.createSocket(NetAddress.isIpv4Address(destination) ? "udp4" : "udp6")
      socket.on("error", () => done(() => undefined))
      // Node gives a route that is missing to the callback, and not to the listener of errors.
      socket.connect(port, NetAddress.formatIp(destination), (error?: unknown) =>
        done(() => (error === undefined ? socket?.address().address : undefined))
      )
    })
    if (Result.isFailure(started)) done(() => undefined)
    return Effect.sync(() => done(() => undefined))
  })

/** What cannot be found out says nothing, and is no reason to fail: the addresses are there, only their order is not. */
const orNothing = <A>(evaluate: () => A): A | undefined => Result.getOrUndefined(Result.try(evaluate))

const prefixLength = (address: string): number | undefined => {
  const found = Object.values(orNothing(os.networkInterfaces) ?? {}).flatMap((list) => list ?? [])
  return Number(found.find((entry) => entry.address === address)?.cidr?.split("/")[1]) || undefined
}

/**
 * Sorts destinations by RFC 6724 with the source addresses the system would use, as getaddrinfo does.
 */
export const sort = Effect.fnUntraced(function* (destinations: Arr.NonEmptyReadonlyArray<NetAddress.IpAddress>) {
  if (destinations.length < 2) return destinations
  const locals = yield* Effect.forEach(
    destinations,
    (destination) => sockets.withPermits(1)(localAddress(destination)),
    {
      concurrency: maxSockets
    }
  )
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
