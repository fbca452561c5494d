/** What datagrams promise on any network. */
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as NetAddress from "effect/net/NetAddress"
import * as Option from "effect/Option"
import type * as Scope from "effect/Scope"
import * as Datagram from "../../Datagram.ts"
import { blocked, ensure, failsWith, interrupted, pattern, same, sameBytes, soon, start, text } from "./Kit.ts"

/** A check, given an address whose port 0 is any free one. */
type Check = (address: NetAddress.InetAddress) => Effect.Effect<void, unknown, Datagram.DatagramNetwork | Scope.Scope>

const receive = (socket: Datagram.Socket) => soon(Datagram.receive(socket), "receive")

/** What comes until nothing comes for a while, as text. */
const rest = Effect.fnUntraced(function* (socket: Datagram.Socket) {
  const got: Array<string> = []
  for (;;) {
    const next = yield* Effect.timeoutOption(Datagram.receive(socket), 100)
    if (Option.isNone(next)) return got
    got.push(text(next.value.payload))
  }
})

const letters = [..."abcdefgh"]

export const checks: { readonly [claim: string]: Check } = {
  "a datagram arrives whole, from its sender's address, and is answered there": (address) =>
    Effect.gen(function* () {
      const server = yield* Datagram.bind(address)
      const client = yield* Datagram.bind(address)
      for (const size of [0, 1, 1000, 1472]) {
        yield* Datagram.send(client, pattern(size), server.localAddress)
        const { from, payload } = yield* receive(server)
        yield* sameBytes(payload, pattern(size), "the datagram")
        yield* same(from, client.localAddress, "its sender")
        yield* Datagram.send(server, payload, from)
        yield* sameBytes((yield* receive(client)).payload, pattern(size), "the answer")
      }
    }),

  "a datagram of the longest kind is not truncated, and a longer one is refused": (address) =>
    Effect.gen(function* () {
      const socket = yield* Datagram.bind(address)
      const longest = address.address._tag === "Ipv4Address" ? 65_507 : 65_487
      yield* Datagram.send(socket, pattern(longest), socket.localAddress)
      yield* sameBytes((yield* receive(socket)).payload, pattern(longest), "the longest datagram")
      const tooLong = Datagram.send(socket, pattern(65_536), socket.localAddress)
      yield* failsWith(tooLong, ["MessageTooLong"], "a longer one")
      yield* same(yield* rest(socket), [], "what came of it")
    }),

  "an array may be changed as soon as it is sent": (address) =>
    Effect.gen(function* () {
      const socket = yield* Datagram.bind(address)
      const payload = pattern(100)
      yield* Datagram.send(socket, payload, socket.localAddress)
      payload.fill(0)
      yield* sameBytes((yield* receive(socket)).payload, pattern(100), "the datagram")
    }),

  "an address in use is refused, and free again with its scope": (address) =>
    Effect.gen(function* () {
      const { localAddress } = yield* Effect.scoped(
        Effect.tap(Datagram.bind(address), ({ localAddress }) =>
          failsWith(Datagram.bind(localAddress), ["AddressInUse"], "a second socket")
        )
      )
      yield* Datagram.bind(localAddress)
    }),

  "a connected socket hears its peer alone, and sends to no other": (address) =>
    Effect.gen(function* () {
      const server = yield* Datagram.bind(address)
      const client = yield* Datagram.connect(server.localAddress)
      const stranger = yield* Datagram.bind(address)
      yield* Datagram.send(client, "question")
      const { from } = yield* receive(server)
      yield* same(from, client.localAddress, "its address")
      yield* Datagram.send(stranger, "not for you", from)
      yield* Datagram.send(server, "answer", from)
      yield* same(yield* rest(client), ["answer"], "what it heard")
      yield* failsWith(Datagram.send(client, "x", stranger.localAddress), ["InvalidAddress"], "another destination")
      yield* failsWith(Datagram.send(stranger, "x"), ["InvalidAddress"], "no destination")
    }),

  "nobody at the peer's port is ConnectionRefused, and the socket goes on": (address) =>
    Effect.gen(function* () {
      const { localAddress } = yield* Effect.scoped(Datagram.bind(address))
      const client = yield* Datagram.connect(localAddress)
      const waiting = yield* blocked(Datagram.receive(client), "receive")
      yield* Datagram.send(client, "anybody?")
      yield* failsWith(soon(Fiber.join(waiting), "receive"), ["ConnectionRefused"], "receive")
      const server = yield* Datagram.bind(localAddress)
      yield* Datagram.send(client, "now?")
      yield* same(text((yield* receive(server)).payload), "now?", "the next datagram")
    }),

  "a full queue drops the newest, or the oldest if it is told, and counts": (address) =>
    Effect.gen(function* () {
      const client = yield* Datagram.bind(address)
      for (const [whenFull, expected] of [
        ["dropNewest", ["a", "b", "c"]],
        ["dropOldest", ["f", "g", "h"]]
      ] as const) {
        const server = yield* Datagram.bind(address, { queue: 3, whenFull })
        for (const letter of letters) yield* Datagram.send(client, letter, server.localAddress)
        yield* Effect.sleep(100)
        yield* same(yield* server.dropped, 5, whenFull)
        yield* same(yield* rest(server), expected, whenFull)
      }
    }),

  "an interrupted receive loses no datagram": (address) =>
    Effect.gen(function* () {
      const socket = yield* Datagram.bind(address)
      const got: Array<string> = []
      for (let round = 0; round < 100; round++) {
        const receiving = yield* start(Datagram.receive(socket))
        yield* Datagram.send(socket, String(round), socket.localAddress)
        for (let turn = 0; turn < round % 5; turn++) yield* Effect.yieldNow
        yield* interrupted(receiving, "receive")
        const exit = yield* Fiber.await(receiving)
        got.push(text((exit._tag === "Success" ? exit.value : yield* receive(socket)).payload))
      }
      yield* same(
        got,
        Array.from({ length: 100 }, (_, i) => String(i)),
        "what came"
      )
    }),

  "whoever waits on a socket that is closed ends with Closed, and so does who comes later": (address) =>
    Effect.gen(function* () {
      const [socket, waiting] = yield* Effect.scoped(
        Effect.gen(function* () {
          const socket = yield* Datagram.bind(address)
          return [socket, yield* blocked(Effect.flip(Datagram.receive(socket)), "receive")] as const
        })
      )
      const { reason } = yield* soon(Fiber.join(waiting), "receive")
      yield* same(reason._tag, "Closed", "receive")
      yield* failsWith(Datagram.receive(socket), ["Closed"], "a later receive")
      yield* failsWith(Datagram.send(socket, "x", socket.localAddress), ["Closed"], "a later send")
    }),

  "an address that nothing can be sent to, or bound to, is InvalidAddress": (address) =>
    Effect.gen(function* () {
      const socket = yield* Datagram.bind(address)
      const isIpv4 = NetAddress.isInetAddressV4(address)
      const other = NetAddress.inetAddressUnsafe(isIpv4 ? NetAddress.ipv6Loopback : NetAddress.ipv4Loopback, 9)
      const none = [null, undefined, 9, "127.0.0.1:9", NetAddress.unixPathAddress("/run/nobody.sock")]
      for (const to of [address, other, ...none.slice(0, 1), ...none.slice(2)]) {
        yield* failsWith(Datagram.send(socket, "x", to as never), ["InvalidAddress"], `a message to ${String(to)}`)
      }
      for (const peer of [address, ...none]) {
        yield* failsWith(Datagram.connect(peer as never), ["InvalidAddress"], `a peer at ${String(peer)}`)
      }
      for (const local of none) {
        yield* failsWith(Datagram.bind(local as never), ["InvalidAddress"], `a socket at ${String(local)}`)
      }
    }),

  "options that cannot be meant are refused by their names": (address) =>
    Effect.gen(function* () {
      for (const options of [
        { queue: 0 },
        { queue: NaN },
        { whenFull: "wait" as never },
        { ttl: 256 },
        { broadcast: "yes" as never },
        { multicast: { ttl: -1 } },
        { multicast: null as never }
      ]) {
        const [name] = Object.keys(options)
        const { reason } = yield* Effect.flip(Datagram.bind(address, options))
        yield* ensure(reason._tag === "InvalidOption" && reason.option.startsWith(name), `${name}: ${reason._tag}`)
      }
    })
}
