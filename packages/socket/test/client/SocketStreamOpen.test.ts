import * as Ipaddr from "@effect-sockets/ipaddr/Ipaddr"
import * as IpSet from "@effect-sockets/ipaddr/IpSet"
import { assert, describe } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as NetAddress from "effect/net/NetAddress"
import * as Option from "effect/Option"
import * as ServerSocket from "../../src/ServerSocket.ts"
import * as SocketStream from "../../src/SocketStream.ts"
import { deafListener } from "../utils/deaf.ts"
import { openSockets } from "../utils/leaks.ts"
import { live, portOf } from "../utils/live.ts"
import { plainServer, until } from "../utils/plain.ts"

const start = <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.forkChild(effect, { startImmediately: true })

const format = (address: NetAddress.SocketAddress) => NetAddress.formatSocketAddress(address)

/** A port on which nobody listens. */
const closedPort = Effect.scoped(Effect.map(plainServer(), ({ port }) => port))

describe("every form of host", () => {
  for (const [form, host, connectsTo] of [
    ["a dotted address", "127.0.0.1", "127.0.0.1"],
    ["an IPv6 address in text", "::1", "[::1]"],
    ["an ipaddr", Ipaddr.fromNumberUnsafe(2_130_706_433), "127.0.0.1"],
    ["an address value", NetAddress.ipv4Loopback, "127.0.0.1"],
    ["an IPv6 address value", NetAddress.ipv6Loopback, "[::1]"],
    ["a name", "four.test", "127.0.0.1"]
  ] as const) {
    live(
      `${form} (${String(host)}) is opened at ${connectsTo}`,
      Effect.gen(function* () {
        const { port } = yield* plainServer({ host: connectsTo.replaceAll(/[[\]]/g, "") })
        const self = yield* SocketStream.open(host, port)
        assert.strictEqual(format(self.remoteAddress), `${connectsTo}:${port}`)
      })
    )
  }

  live(
    "an address in brackets is no host, and the error shows it as it was given",
    Effect.gen(function* () {
      const { message } = yield* Effect.flip(SocketStream.open("[::1]", 7))
      assert.match(message, /^open \[::1\]:7: /)
    })
  )

  live(
    "a whole socket address needs no port beside it",
    Effect.gen(function* () {
      const { port } = yield* plainServer()
      const self = yield* SocketStream.open(NetAddress.inetAddressUnsafe(NetAddress.ipv4Loopback, port))
      assert.strictEqual(format(self.remoteAddress), `127.0.0.1:${port}`)
      assert.match(format(self.localAddress), /^127\.0\.0\.1:\d+$/)
    })
  )

  live(
    "a name is opened at its second address when nobody listens at the first",
    Effect.gen(function* () {
      const { port } = yield* plainServer({ host: "127.0.0.1" })
      const self = yield* SocketStream.open("loop.test", port)
      assert.strictEqual(format(self.remoteAddress), `127.0.0.1:${port}`)
    })
  )

  live(
    "localAddress and localPort choose where from",
    Effect.gen(function* () {
      const localPort = yield* closedPort
      const { peers, port } = yield* plainServer()
      const localAddress = NetAddress.ipFromStringUnsafe("127.0.0.9")
      const self = yield* SocketStream.open("127.0.0.1", port, { localAddress, localPort })
      assert.strictEqual(format(self.localAddress), `127.0.0.9:${localPort}`)
      yield* until(() => peers.length === 1)
      assert.strictEqual(peers[0].socket.remoteAddress, "127.0.0.9")
      yield* SocketStream.reset(self)
    })
  )
})

describe("errors say what was tried and why it failed", () => {
  live(
    "nobody listens",
    Effect.gen(function* () {
      const port = yield* closedPort
      const error = yield* Effect.flip(SocketStream.open("127.0.0.1", port))
      assert.strictEqual(error.reason._tag, "ConnectionRefused")
      assert.strictEqual(error.message, `open 127.0.0.1:${port}: connection refused`)
      assert.isTrue(error.isRetryable)
    })
  )

  live(
    "nobody listens at any address of a name",
    Effect.gen(function* () {
      const port = yield* closedPort
      const error = yield* Effect.flip(SocketStream.open("loop.test", port))
      assert.deepStrictEqual(
        error.attempts?.map((attempt) => [attempt.address, attempt.reason._tag]),
        [
          [`[::1]:${port}`, "ConnectionRefused"],
          [`127.0.0.1:${port}`, "ConnectionRefused"]
        ]
      )
    })
  )

  live(
    "the name is unknown, or none at all",
    Effect.gen(function* () {
      const error = yield* Effect.flip(SocketStream.open("nowhere.test", 80))
      assert.strictEqual(error.reason._tag === "Resolution" && error.reason.error.reason._tag, "HostNotFound")
      assert.include(error.message, "nowhere.test:80")
      for (const host of ["", "a b", "127.0.0.256.", "-"]) {
        const invalid = yield* Effect.flip(SocketStream.open(host, 80))
        assert.strictEqual(invalid.reason._tag, "Resolution", host)
      }
    })
  )

  for (const port of [0, -1, 65_536, 1.5, Number.NaN, Infinity]) {
    live(
      `${port} is no port to connect to`,
      Effect.gen(function* () {
        const error = yield* Effect.flip(SocketStream.open("127.0.0.1", port))
        assert.strictEqual(error.reason._tag, "InvalidAddress")
        assert.isFalse(error.isRetryable)
      })
    )
  }

  live(
    "the local address is not this machine's",
    Effect.gen(function* () {
      const { port } = yield* plainServer()
      const localAddress = NetAddress.ipFromStringUnsafe("192.0.2.1")
      const error = yield* Effect.flip(SocketStream.open("127.0.0.1", port, { localAddress }))
      assert.strictEqual(error.reason._tag, "AddressNotAvailable")
    })
  )

  live(
    "the listener's backlog is full: connectTimeout ends the attempt and gives its descriptor back",
    Effect.gen(function* () {
      const port = yield* deafListener
      const error = yield* Effect.flip(SocketStream.open("127.0.0.1", port, { connectTimeout: 300 }))
      assert.strictEqual(error.message, `open 127.0.0.1:${port}: timed out after 300 ms`)
    })
  )
})

describe("interruption", () => {
  live(
    "of an attempt that hangs closes its descriptor at once",
    Effect.gen(function* () {
      const port = yield* deafListener
      const before = openSockets()
      const opening = yield* Effect.forEach(Array.from({ length: 10 }), () =>
        Effect.forkChild(SocketStream.open("127.0.0.1", port))
      )
      yield* Effect.sleep(50)
      assert.strictEqual(openSockets(), before + 10)
      yield* Effect.forEach(opening, Fiber.interrupt)
      yield* until(() => openSockets() === before)
    })
  )

  live(
    "around the moment of the connection leaves it open with its owner, or closed",
    Effect.gen(function* () {
      const { peers, port } = yield* plainServer()
      const rounds = 400
      let used = 0
      for (let i = 0; i < rounds; i++) {
        const opening = yield* start(
          Effect.scoped(Effect.andThen(SocketStream.open("127.0.0.1", port), () => Effect.sync(() => void used++)))
        )
        // From zero turns of the event loop to more than a connection takes.
        for (let turn = 0; turn < i % 8; turn++) yield* Effect.promise(() => new Promise(setImmediate))
        yield* Fiber.interrupt(opening)
      }
      assert.isAbove(used, 0)
      assert.isBelow(used, rounds)
      yield* until(() => peers.every(({ socket }) => socket.closed))
    })
  )
})

describe("the race over real sockets", () => {
  live(
    "two listeners that answer at once leave one connection",
    Effect.gen(function* () {
      const first = yield* plainServer({ host: "::1" })
      const listener = yield* ServerSocket.listen(first.port)
      for (let i = 0; i < 50; i++) {
        const exit = yield* Effect.exit(Effect.scoped(SocketStream.open("loop.test", first.port, { attemptDelay: 0 })))
        assert.isTrue(Exit.isSuccess(exit))
      }
      yield* until(() => first.peers.every(({ socket }) => socket.closed))
      assert.isAtMost(first.peers.length, 50)
      // Losers that had connected were closed: nothing but ends of input comes from them.
      for (;;) {
        const loser = yield* ServerSocket.acceptWithin(listener, 0)
        if (Option.isNone(loser)) break
        yield* Effect.exit(SocketStream.readAll(loser.value))
        yield* SocketStream.reset(loser.value)
      }
      assert.strictEqual(portOf(listener), first.port)
    })
  )
})

describe("access", () => {
  const deny = IpSet.fromCidrsUnsafe(["127.0.0.0/8"])

  live(
    "an address that is denied is not connected to, however it is written",
    Effect.gen(function* () {
      const { port } = yield* plainServer()
      for (const host of ["127.0.0.1", "::ffff:127.0.0.1", 2_130_706_433, "four.test"]) {
        const error = yield* Effect.flip(SocketStream.open(host as string, port, { access: { deny } }))
        assert.strictEqual(error.reason._tag, "PermissionDenied")
        assert.strictEqual(error.attempts?.length, 1)
      }
      const whole = NetAddress.inetAddressUnsafe(NetAddress.ipv4Loopback, port)
      const error = yield* Effect.flip(SocketStream.open(whole, { access: { allow: IpSet.empty } }))
      assert.strictEqual(error.message, `open 127.0.0.1:${port}: permission denied`)
    })
  )

  live(
    "the unspecified address is this machine: it is denied where the loopback is",
    Effect.gen(function* () {
      const { port } = yield* plainServer()
      const loopbacks = IpSet.fromCidrsUnsafe(["127.0.0.0/8", "::1/128"])
      for (const host of ["0.0.0.0", "::", "::ffff:0.0.0.0"]) {
        const error = yield* Effect.flip(SocketStream.open(host, port, { access: { deny: loopbacks } }))
        assert.strictEqual(error.reason._tag, "PermissionDenied", host)
      }
      yield* SocketStream.open("0.0.0.0", port, { access: { deny: IpSet.fromCidrsUnsafe(["10.0.0.0/8"]) } })
    })
  )

  live(
    "a name is opened at the address that is allowed, whichever family comes first",
    Effect.gen(function* () {
      const { port } = yield* plainServer({ host: "127.0.0.1" })
      const v4 = yield* SocketStream.open("loop.test", port, { access: { allow: deny } })
      assert.strictEqual(format(v4.remoteAddress), `127.0.0.1:${port}`)
      const error = yield* Effect.flip(SocketStream.open("loop.test", port, { access: { deny } }))
      assert.strictEqual(error.reason._tag, "ConnectionRefused")
      assert.sameMembers(
        error.attempts!.map(({ reason }) => reason._tag),
        ["PermissionDenied", "ConnectionRefused"]
      )
    })
  )

  live(
    "what is no set of addresses cannot be meant",
    Effect.gen(function* () {
      const access = { allow: ["127.0.0.1"] as unknown as IpSet.IpSet }
      const { reason } = yield* Effect.flip(SocketStream.open("127.0.0.1", 1, { access }))
      assert.deepInclude(reason, { _tag: "InvalidOption", option: "access.allow", mustBe: "an IpSet" })
    })
  )
})
