import * as Resolver from "@effect-sockets/resolver/Resolver"
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import * as Metric from "effect/Metric"
import * as NetAddress from "effect/net/NetAddress"
import * as Option from "effect/Option"
import type * as Scope from "effect/Scope"
import { spawnSync } from "node:child_process"
import { fileURLToPath } from "node:url"
import * as MemoryNetwork from "../../src/MemoryNetwork.ts"
import { type Listener, type ListenerEvents, make, Network } from "../../src/Network.ts"
import { make as makeError, type Reason } from "../../src/NetworkError.ts"
import * as Server from "../../src/Server.ts"
import * as ServerSocket from "../../src/ServerSocket.ts"
import * as SocketMetrics from "../../src/SocketMetrics.ts"
import * as SocketStream from "../../src/SocketStream.ts"
import { echo, handling } from "../utils/serving.ts"
import { limits, struck, transports } from "../utils/transports.ts"

const textOf = NetAddress.formatSocketAddress
const textsOf = ({ addresses }: ServerSocket.ServerSocket | Server.Server) => addresses.map(textOf)
const portOf = (address: NetAddress.SocketAddress): number => (NetAddress.isInetAddress(address) ? address.port : 0)

const loopback6 = (port: number) => NetAddress.inetAddressUnsafe(NetAddress.ipv6Loopback, port)

/** Sends a line to an address and gets it back. */
const ask = Effect.fnUntraced(function* (address: NetAddress.SocketAddress, line: string) {
  const stream = yield* SocketStream.open(address, limits)
  yield* SocketStream.writeLine(stream, line)
  assert.deepStrictEqual(yield* SocketStream.readLine(stream), Option.some(line))
  return stream
})

const refuses = (address: NetAddress.SocketAddress) =>
  Effect.map(Effect.flip(SocketStream.open(address)), ({ reason }) =>
    assert.strictEqual(reason._tag, "ConnectionRefused", textOf(address))
  )

for (const name of ["memory", "TCP"] as const) {
  const { run } = transports[name]
  const test = (claim: string, program: Effect.Effect<void, unknown, Network | Resolver.Resolver | Scope.Scope>) =>
    it.live(claim, () => run(program))

  describe(`over ${name}`, () => {
    test(
      "localhost is both loopbacks with one free port, and connections know at which of them they came",
      Effect.gen(function* () {
        const socket = yield* ServerSocket.listen("localhost", 0)
        const port = portOf(socket.address)
        assert.isAbove(port, 0)
        assert.deepStrictEqual(textsOf(socket), [`127.0.0.1:${port}`, `[::1]:${port}`])
        assert.strictEqual(String(socket), `ServerSocket(127.0.0.1:${port}, [::1]:${port})`)
        for (const address of socket.addresses) {
          yield* SocketStream.open(address, limits)
          assert.deepStrictEqual((yield* ServerSocket.accept(socket)).localAddress, address)
        }
      })
    )

    test(
      "one server serves all addresses with one bound, one queue, one snapshot and one report",
      Effect.gen(function* () {
        const socket = yield* ServerSocket.listenAll([{ host: "localhost", port: 0 }, loopback6(0)], limits)
        // The same address by name and by itself is one.
        assert.strictEqual(socket.addresses.length, 2)
        const refused: Array<string> = []
        const server = yield* Server.start(socket, echo, {
          maxConnections: 2,
          maxPerPeer: 1,
          onRefused: (_, refusal, local) => Effect.sync(() => void refused.push(`${refusal} ${textOf(local)}`))
        })
        const [four, six] = server.addresses
        yield* ask(four, "four")
        yield* ask(six, "six")
        const snapshot = yield* server.snapshot
        assert.deepStrictEqual(
          snapshot.map(({ localAddress }) => textOf(localAddress)),
          [textOf(four), textOf(six)]
        )
        yield* Effect.exit(Effect.flatMap(SocketStream.open(six, limits), SocketStream.readAll))
        assert.deepStrictEqual(refused, [`MaxPerPeer ${textOf(six)}`])
        const accepted = yield* Metric.value(SocketMetrics.at(four).accepted)
        assert.strictEqual(accepted.count, 2)
        assert.deepStrictEqual(yield* server.stop, { drained: 2, aborted: 0 })
        yield* refuses(four)
        yield* refuses(six)
      }).pipe(Effect.provideService(Metric.MetricRegistry, new Map()))
    )

    test(
      "all or nothing: an address that cannot be bound is named, and those before it are closed at once",
      Effect.gen(function* () {
        const taken = yield* ServerSocket.listen(loopback6(0))
        const port = portOf(taken.address)
        const error = yield* Effect.flip(ServerSocket.listen("localhost", port))
        assert.strictEqual(error.message, `listen [::1]:${port}: address already in use`)
        // The same scope: nothing waits for its end.
        yield* ServerSocket.listen(port)
      })
    )

    test(
      "suspend and close act on all addresses, and resume opens all of them again or none",
      Effect.gen(function* () {
        const socket = yield* ServerSocket.listen("localhost", 0)
        yield* Server.start(socket, echo)
        const [four, six] = socket.addresses
        yield* ServerSocket.suspend(socket)
        yield* Effect.forEach(socket.addresses, refuses)
        const other = yield* ServerSocket.listen(six)
        const error = yield* Effect.flip(ServerSocket.resume(socket))
        assert.strictEqual(error.message, `listen ${textOf(six)}: address already in use`)
        yield* refuses(four)
        yield* ServerSocket.close(other)
        yield* ServerSocket.resume(socket)
        yield* ask(four, "again")
        yield* ask(six, "again")
        yield* ServerSocket.close(socket)
        yield* Effect.forEach(socket.addresses, refuses)
      })
    )

    test(
      "interrupted at any moment, they are all open or all closed",
      Effect.gen(function* () {
        for (let round = 0; round < 24; round++) {
          const ops = [2, 5, 2048][round % 3]
          const exit = yield* struck(ServerSocket.listen("localhost", 0), ops, round >> 2)
          const socket = Exit.isSuccess(exit) ? exit.value : yield* ServerSocket.listen("localhost", 0)
          yield* Server.start(socket, echo)
          for (const step of [ServerSocket.suspend(socket), ServerSocket.resume(socket)]) {
            yield* struck(step, ops, round >> 2)
            const opened = yield* Effect.forEach(socket.addresses, (address) =>
              Effect.map(Effect.exit(SocketStream.open(address, { lingerTimeout: 0 })), Exit.isSuccess)
            )
            assert.strictEqual(new Set(opened).size, 1, `round ${round}: ${opened.join()}`)
          }
          yield* struck(ServerSocket.close(socket), ops, round >> 2)
          yield* ServerSocket.close(socket)
          yield* Effect.forEach(socket.addresses, refuses)
        }
      })
    )

    test(
      "what cannot be meant is a typed failure, and nothing is open then",
      Effect.gen(function* () {
        const messageOf = (targets: ReadonlyArray<ServerSocket.Target>, options?: ServerSocket.Options) =>
          Effect.map(Effect.flip(ServerSocket.listenAll(targets, options)), ({ message }) => message)
        assert.strictEqual(yield* messageOf([]), "listen nothing: targets is 0, and must be a list of at least one")
        const mustBe = "a port, an address, a host with a port, or a descriptor"
        for (const wrong of ["80", null, {}, []]) {
          const error = yield* Effect.flip(ServerSocket.listenAll([0, wrong as never]))
          assert.deepInclude(error.reason, { _tag: "InvalidOption", option: "targets[1]", mustBe })
        }
        for (const wrong of [undefined, null, 80]) {
          const error = yield* Effect.flip(ServerSocket.listenAll(wrong as never))
          assert.deepInclude(error.reason, { _tag: "InvalidOption", option: "targets", mustBe: "a list" })
        }
        assert.strictEqual(
          yield* messageOf([0, { host: "localhost", port: 1.5 }]),
          "listen localhost:1.5: invalid address: port 1.5 is not an integer from 0 to 65535"
        )
        assert.strictEqual(
          yield* messageOf([{ host: "localhost", port: 0 }], { queue: 0 }),
          "listen localhost:0: queue is 0, and must be an integer of at least 1"
        )
        assert.match(
          yield* messageOf([0, { host: "nobody.test", port: 80 }]),
          /^listen nobody\.test:80: .*nobody\.test/
        )
        assert.match(yield* messageOf([{ host: "no name", port: 80 }]), /^listen no name:80: /)
        yield* Effect.flip(ServerSocket.listen("nobody.test", 80))
      })
    )
  })
}

// Machines that are not like this one -----------------------------------------------------------------------------------

/** The memory network, on which each address is bound as the script says. */
const scripted = (problemOf: (address: string, count: number) => Reason | undefined) => {
  const bound: Array<string> = []
  const all: Array<ListenerEvents> = []
  let open = 0
  const layer = Layer.effect(
    Network,
    Network.useSync((network) =>
      make({
        ...network,
        listen: (address, events, options) => {
          const problem = problemOf(textOf(address), bound.push(textOf(address)))
          if (problem !== undefined) return Effect.fail(makeError("listen", address, problem))
          all.push(events)
          open++
          return Effect.andThen(
            Effect.addFinalizer(() => Effect.sync(() => open--)),
            network.listen(address, events, options)
          ) as Effect.Effect<Listener, never>
        }
      })
    )
  ).pipe(Layer.provideMerge(MemoryNetwork.layer()))
  const names = Resolver.layerStatic({ hosts: { "both.test": ["127.0.0.2", "::1", "fe80::1", "127.0.0.2"] } })
  return { all, bound, open: () => open, layer: Layer.merge(layer, Layer.orDie(names)) }
}

const inUse: Reason = { _tag: "AddressInUse" }

describe("a free port for all", () => {
  it.effect("is looked for again where another address has none of that number", () => {
    const machine = scripted((address, count) => (address.startsWith("[") && count < 5 ? inUse : undefined))
    return Effect.gen(function* () {
      const socket = yield* ServerSocket.listen("localhost", 0)
      assert.deepStrictEqual(machine.bound, [
        "127.0.0.1:0",
        "[::1]:49152",
        "127.0.0.1:0",
        "[::1]:49153",
        "127.0.0.1:0",
        "[::1]:49154"
      ])
      assert.deepStrictEqual(textsOf(socket), ["127.0.0.1:49154", "[::1]:49154"])
      assert.strictEqual(machine.open(), 2)
    }).pipe(Effect.scoped, Effect.provide(machine.layer))
  })

  it.effect("is looked for ten times at most, and then nothing is open", () => {
    const machine = scripted((address) => (address.startsWith("[") ? inUse : undefined))
    return Effect.gen(function* () {
      const error = yield* Effect.flip(ServerSocket.listen("localhost", 0))
      assert.strictEqual(error.message, "listen [::1]:49161: address already in use")
      assert.strictEqual(machine.bound.length, 20)
      assert.strictEqual(machine.open(), 0)
    }).pipe(Effect.scoped, Effect.provide(machine.layer))
  })

  it.effect("is not looked for again where the port that is taken was asked for", () => {
    const machine = scripted((address) => (address === "[::1]:80" ? inUse : undefined))
    return Effect.gen(function* () {
      yield* Effect.flip(ServerSocket.listenAll([0, loopback6(80)]))
      assert.strictEqual(machine.bound.length, 2)
      assert.strictEqual(machine.open(), 0)
    }).pipe(Effect.scoped, Effect.provide(machine.layer))
  })
})

describe("a machine without a family", () => {
  const lacks: ReadonlyArray<Reason> = [
    { _tag: "AddressNotAvailable" },
    { _tag: "Unsupported", detail: "this address family" }
  ]
  for (const reason of lacks) {
    it.effect(`opens what a name has beside it (${reason._tag}), and fails for the address itself`, () => {
      const machine = scripted((address) => (address.startsWith("[") ? reason : undefined))
      return Effect.gen(function* () {
        assert.deepStrictEqual(textsOf(yield* ServerSocket.listen("localhost", 80)), ["127.0.0.1:80"])
        const error = yield* Effect.flip(ServerSocket.listenAll([{ host: "localhost", port: 81 }, loopback6(81)]))
        assert.strictEqual(error.reason._tag, reason._tag)
        assert.strictEqual(error.address, "[::1]:81")
        assert.strictEqual(machine.open(), 1)
      }).pipe(Effect.scoped, Effect.provide(machine.layer))
    })

    it.effect(`fails where nothing of a name is left (${reason._tag})`, () => {
      const machine = scripted(() => reason)
      return Effect.gen(function* () {
        const error = yield* Effect.flip(ServerSocket.listen("localhost", 80))
        assert.strictEqual(error.reason._tag, reason._tag)
        assert.strictEqual(error.address, "127.0.0.1:80")
      }).pipe(Effect.scoped, Effect.provide(machine.layer))
    })
  }

  it.effect("is no reason to leave out an address of a name that another machine has", () => {
    const machine = scripted((address) => (address === "127.0.0.2:80" ? inUse : undefined))
    return Effect.gen(function* () {
      const error = yield* Effect.flip(ServerSocket.listen("both.test", 80))
      assert.strictEqual(error.address, "127.0.0.2:80")
      assert.strictEqual(machine.open(), 0)
      assert.deepStrictEqual(textsOf(yield* ServerSocket.listen("both.test", 81)), ["127.0.0.2:81", "[::1]:81"])
    }).pipe(Effect.scoped, Effect.provide(machine.layer))
  })

  const fixture = fileURLToPath(new URL("../fixtures/listening.ts", import.meta.url))
  const without6 = (command: string) =>
    spawnSync(
      "unshare",
      ["-n", "sh", "-c", `sysctl -qw net.ipv6.conf.all.disable_ipv6=1 && ip link set lo up && ${command}`],
      {
        encoding: "utf8"
      }
    )
  it.skipIf(without6("true").status !== 0)(
    "without IPv6, localhost is 127.0.0.1 (needs root, unshare and iproute2)",
    () => {
      const { stdout } = without6(`${process.execPath} ${fixture} localhost ::1`)
      assert.deepStrictEqual(stdout.trim().split("\n"), [
        "127.0.0.1:4141",
        "listen [::1]:4141: address not available on this machine"
      ])
    }
  )
})

it.effect("a listener that breaks closes all, and its server fails with the reason", () => {
  const machine = scripted(() => undefined)
  return Effect.gen(function* () {
    const socket = yield* ServerSocket.listen("localhost", 80)
    const server = yield* Server.start(socket, echo)
    machine.all[1].error(makeError("accept", loopback6(80), { _tag: "OutOfDescriptors" }))
    const error = yield* Effect.flip(server.await)
    assert.strictEqual(error.message, "accept [::1]:80: out of file descriptors")
    assert.strictEqual(machine.open(), 0)
    yield* handling(server, 0)
  }).pipe(Effect.scoped, Effect.provide(machine.layer))
})
