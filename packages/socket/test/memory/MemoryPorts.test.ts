import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as NetAddress from "effect/net/NetAddress"
import * as Scope from "effect/Scope"
import * as MemoryNetwork from "../../src/MemoryNetwork.ts"
import type { NetworkError } from "../../src/NetworkError.ts"
import { bytes, dial, layer, listening, pair, port80, settle } from "../utils/memory.ts"

const at = NetAddress.inetAddressFromStringUnsafe
const format = NetAddress.formatSocketAddress

/** The reason of a failure, by its tag. */
const reason = <A, R>(effect: Effect.Effect<A, NetworkError, R>) =>
  Effect.map(Effect.flip(effect), (error) => error.reason._tag)

describe("ports and addresses", () => {
  it.effect("a port that nobody opened refuses, and the message names it", () =>
    Effect.gen(function* () {
      const error = yield* Effect.flip(dial(at("127.0.0.1:81")))
      assert.strictEqual(error.message, "connect 127.0.0.1:81: connection refused")
    }).pipe(Effect.provide(layer()))
  )

  it.effect("an open port is in use until its scope closes, for the wildcard too", () =>
    Effect.gen(function* () {
      const scope = yield* Scope.make()
      yield* Scope.provide(listening(), scope)
      assert.strictEqual(yield* reason(listening()), "AddressInUse")
      assert.strictEqual(yield* reason(listening(at("0.0.0.0:80"))), "AddressInUse")
      assert.strictEqual(yield* reason(listening(at("[::]:80"), { ipv6Only: false })), "AddressInUse")
      yield* listening(at("[::]:80"))
      yield* listening(at("127.0.0.1:80"))
      yield* Scope.close(scope, Exit.void)
      assert.strictEqual(yield* reason(MemoryNetwork.runOn(dial(), "client")), "ConnectionRefused")
      yield* listening()
    }).pipe(MemoryNetwork.runOn("server"), Effect.provide(layer()))
  )

  it.effect("port 0 opens a free one each time", () =>
    Effect.gen(function* () {
      const first = (yield* listening(at("127.0.0.1:0"))).listener.address
      const second = (yield* listening(at("127.0.0.1:0"))).listener.address
      assert.notStrictEqual(format(first), format(second))
      yield* dial(first)
      yield* dial(second)
    }).pipe(Effect.provide(layer()))
  )

  it.effect("a host opens only addresses of its own, and reaches only hosts and families that it has a way to", () =>
    Effect.gen(function* () {
      assert.strictEqual(yield* reason(listening()), "AddressNotAvailable")
      assert.strictEqual(yield* reason(dial(at("10.0.0.9:80"))), "HostUnreachable")
      assert.strictEqual(yield* reason(dial(port80)), "NetworkUnreachable")
    }).pipe(Effect.provide(layer()))
  )

  it.effect("each host has a loopback of its own", () =>
    Effect.gen(function* () {
      yield* MemoryNetwork.runOn(listening(at("127.0.0.1:80")), "server")
      assert.strictEqual(yield* reason(MemoryNetwork.runOn(dial(at("127.0.0.1:80")), "client")), "ConnectionRefused")
      yield* MemoryNetwork.runOn(dial(at("127.0.0.1:80")), "server")
    }).pipe(Effect.provide(layer()))
  )

  it.effect("both ends see both addresses, and the source is the client's host", () =>
    Effect.gen(function* () {
      const { client, server } = yield* pair
      const ends = [client.connection.localAddress, client.connection.remoteAddress].map(format)
      assert.deepStrictEqual(ends, ["10.0.0.1:49152", "10.0.0.2:80"])
      assert.deepStrictEqual([server.connection.remoteAddress, server.connection.localAddress].map(format), ends)
    }).pipe(Effect.provide(layer()))
  )

  it.effect("a local address and port are used if they are the host's and free", () =>
    Effect.gen(function* () {
      yield* MemoryNetwork.runOn(listening(), "server")
      const localAddress = NetAddress.ipFromStringUnsafe("10.0.0.1")
      const client = yield* dial(port80, { localAddress, localPort: 5000 })
      assert.strictEqual(format(client.connection.localAddress), "10.0.0.1:5000")
      assert.strictEqual(yield* reason(dial(port80, { localPort: 5000 })), "AddressInUse")
      assert.strictEqual(yield* reason(dial(port80, { localPort: 65_536 })), "InvalidOption")
      assert.strictEqual(
        yield* reason(dial(port80, { localAddress: NetAddress.ipFromStringUnsafe("10.0.0.2") })),
        "AddressNotAvailable"
      )
      client.connection.reset()
      yield* settle
      yield* dial(port80, { localPort: 5000 })
    }).pipe(MemoryNetwork.runOn("client"), Effect.provide(layer()))
  )

  it.effect("a dual-stack port takes both families, with IPv4 peers as IPv4", () =>
    Effect.gen(function* () {
      const { accepted } = yield* listening(at("[::]:80"), { ipv6Only: false })
      yield* dial(at("127.0.0.1:80"))
      yield* dial(at("[::1]:80"))
      yield* dial(at("[::ffff:127.0.0.1]:80"))
      assert.deepStrictEqual(
        accepted.map(({ connection }) => format(connection.remoteAddress).replace(/:\d+$/, "")),
        ["127.0.0.1", "[::1]", "127.0.0.1"]
      )
    }).pipe(Effect.provide(layer()))
  )

  it.effect("those that share a port take turns", () =>
    Effect.gen(function* () {
      const first = yield* listening(port80, { reusePort: true })
      const second = yield* listening(port80, { reusePort: true })
      for (let i = 0; i < 4; i++) yield* MemoryNetwork.runOn(dial(), "client")
      assert.deepStrictEqual([first.accepted.length, second.accepted.length], [2, 2])
    }).pipe(MemoryNetwork.runOn("server"), Effect.provide(layer()))
  )

  it.effect("a path is a port of its host", () =>
    Effect.gen(function* () {
      const path = NetAddress.unixPathAddress("/run/app.sock")
      assert.strictEqual(yield* reason(dial(path)), "ConnectionRefused")
      const { accepted } = yield* listening(path)
      assert.strictEqual(yield* reason(listening(path)), "AddressInUse")
      const client = yield* dial(path)
      client.connection.write([bytes(3)])
      yield* settle
      assert.deepStrictEqual(accepted[0].received, Buffer.from(bytes(3)))
      assert.strictEqual(yield* reason(MemoryNetwork.runOn(dial(path), "client")), "ConnectionRefused")
    }).pipe(MemoryNetwork.runOn("server"), Effect.provide(layer()))
  )
})
