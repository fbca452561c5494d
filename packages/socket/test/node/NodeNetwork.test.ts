import { assert, describe } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as NetAddress from "effect/net/NetAddress"
import * as Option from "effect/Option"
import { spawnSync } from "node:child_process"
import * as fs from "node:fs"
import * as Net from "node:net"
import * as os from "node:os"
import * as path from "node:path"
import * as ServerSocket from "../../src/ServerSocket.ts"
import type { NetworkError } from "../../src/NetworkError.ts"
import * as SocketStream from "../../src/SocketStream.ts"
import { folder } from "../utils/folders.ts"
import { live, portOf } from "../utils/live.ts"

const reasonOf = <A, R>(effect: Effect.Effect<A, NetworkError, R>) =>
  Effect.map(Effect.flip(effect), ({ reason }) => reason)

const listening = (target: NetAddress.SocketAddress | number, options?: ServerSocket.Options) =>
  Effect.scoped(Effect.asVoid(ServerSocket.listen(target, options)))

/** Both ends of a connection in one scope: neither need wait for the other's FIN. */
const brief = { lingerTimeout: 0 }

/** Both ends of a connection to `socket`. */
const accepted = (socket: ServerSocket.ServerSocket, options?: SocketStream.OpenOptions) =>
  Effect.gen(function* () {
    const near = yield* SocketStream.open(socket.address, { ...brief, ...options })
    return [near, yield* ServerSocket.accept(socket)] as const
  })

describe("a path", () => {
  live(
    "is made by listening and removed by closing, and has both ends' addresses",
    Effect.gen(function* () {
      const address = NetAddress.unixPathAddress(path.join(yield* folder, "s"))
      yield* Effect.scoped(
        Effect.gen(function* () {
          const socket = yield* ServerSocket.listen(address, brief)
          assert.isTrue(fs.statSync(address.path).isSocket())
          const [near, far] = yield* accepted(socket)
          assert.deepStrictEqual(SocketStream.hostPort(near), ["", 0, address.path, 0])
          assert.deepStrictEqual(SocketStream.hostPort(far), [address.path, 0, "", 0])
        })
      )
      assert.isFalse(fs.existsSync(address.path))
    })
  )

  live(
    "that a dead process left is replaced; one that lives, and one that is no socket, are not",
    Effect.gen(function* () {
      const name = path.join(yield* folder, "s")
      const address = NetAddress.unixPathAddress(name)
      // A socket file that nobody answers: a name that outlived its socket.
      const left = Net.createServer().listen(`${name}.left`)
      yield* Effect.callback<void>((resume) => void left.once("listening", () => resume(Effect.void)))
      fs.linkSync(`${name}.left`, name)
      yield* Effect.callback<void>((resume) => void left.close(() => resume(Effect.void)))
      yield* Effect.scoped(
        Effect.gen(function* () {
          yield* ServerSocket.listen(address, brief)
          assert.strictEqual((yield* reasonOf(listening(address)))._tag, "AddressInUse")
        })
      )
      fs.writeFileSync(name, "text")
      assert.strictEqual((yield* reasonOf(listening(address)))._tag, "AddressInUse")
      assert.strictEqual(fs.readFileSync(name, "utf8"), "text")
    })
  )

  live(
    "may be an abstract name, which leaves no file",
    Effect.gen(function* () {
      const address = NetAddress.unixPathAddress(`\0effect-sockets-${process.pid}`)
      const socket = yield* ServerSocket.listen(address, brief)
      const [near, far] = yield* accepted(socket)
      yield* SocketStream.write(near, "hi")
      assert.deepStrictEqual(yield* SocketStream.readExactly(far, 2), Buffer.from("hi"))
    })
  )

  live(
    "that is too long, empty or contains NUL is refused by name; one that leads nowhere refuses",
    Effect.gen(function* () {
      const inside = yield* folder
      const most = os.platform() === "linux" ? 107 : 103
      const fits = path.join(inside, "x".repeat(most - inside.length - 1))
      yield* listening(NetAddress.unixPathAddress(fits))
      for (const name of [`${fits}x`, "", "a\0b", "é".repeat(54)]) {
        const address = NetAddress.unixPathAddress(name)
        assert.strictEqual((yield* reasonOf(listening(address)))._tag, "InvalidAddress")
        assert.strictEqual((yield* reasonOf(SocketStream.open(address)))._tag, "InvalidAddress")
      }
      const nowhere = NetAddress.unixPathAddress(path.join(inside, "nowhere"))
      assert.strictEqual((yield* reasonOf(SocketStream.open(nowhere)))._tag, "ConnectionRefused")
      const noFolder = NetAddress.unixPathAddress(path.join(inside, "none", "s"))
      assert.strictEqual((yield* reasonOf(listening(noFolder)))._tag, "PermissionDenied")
    })
  )
})

describe("TCP", () => {
  const [any4, any6] = [NetAddress.ipv4Unspecified, NetAddress.ipv6Unspecified]
  const at = (address: NetAddress.IpAddress, port: number) => NetAddress.inetAddressUnsafe(address, port)

  live(
    "on :: leaves IPv4's port alone, unless it is asked for both: then an IPv4 peer looks like one",
    Effect.gen(function* () {
      const six = yield* ServerSocket.listen(at(any6, 0), brief)
      yield* ServerSocket.listen(at(any4, portOf(six)))
      const both = yield* ServerSocket.listen(at(any6, 0), { ...brief, ipv6Only: false })
      yield* SocketStream.open("127.0.0.1", portOf(both), brief)
      const far = Option.getOrThrow(yield* ServerSocket.acceptWithin(both, "5 seconds"))
      assert.match(NetAddress.formatSocketAddress(far.remoteAddress), /^127\.0\.0\.1:/)
      assert.strictEqual(NetAddress.formatSocketAddress(far.localAddress), `127.0.0.1:${portOf(both)}`)
    })
  )

  live(
    "connects from the local address and port that are asked for",
    Effect.gen(function* () {
      const socket = yield* ServerSocket.listen(at(any4, 0), brief)
      const free = yield* Effect.scoped(Effect.map(ServerSocket.listen(at(any4, 0), brief), portOf))
      const localAddress = NetAddress.ipFromStringUnsafe("127.0.0.9")
      yield* SocketStream.open("127.0.0.1", portOf(socket), { ...brief, localAddress, localPort: free })
      const far = yield* ServerSocket.accept(socket)
      assert.strictEqual(NetAddress.formatSocketAddress(far.remoteAddress), `127.0.0.9:${free}`)
      const foreign = NetAddress.ipFromStringUnsafe("192.0.2.1")
      const open = SocketStream.open("127.0.0.1", portOf(socket), { localAddress: foreign })
      assert.strictEqual((yield* reasonOf(open))._tag, "AddressNotAvailable")
    })
  )

  live(
    "opens a port twice only with reusePort on both",
    Effect.gen(function* () {
      const shared = yield* ServerSocket.listen(0, { reusePort: true })
      yield* ServerSocket.listen(portOf(shared), { reusePort: true })
      assert.strictEqual((yield* reasonOf(listening(portOf(shared))))._tag, "AddressInUse")
    })
  )

  live(
    "of one link alone needs its zone: without one it is refused by name, at both ends",
    Effect.gen(function* () {
      const address = NetAddress.inetAddressFromStringUnsafe("[fe80::1]:7")
      for (const refused of [listening(address), SocketStream.open(address)]) {
        assert.deepStrictEqual(yield* reasonOf(refused), {
          _tag: "InvalidAddress",
          detail: "a link-local address needs its zone, as in fe80::1%eth0"
        })
      }
    })
  )

  // What the kernel says of its sockets, where iproute2 is installed.
  const ss = (...args: ReadonlyArray<string>): string => spawnSync("ss", ["-tnH", ...args], { encoding: "utf8" }).stdout

  if (spawnSync("ss", ["-V"]).error === undefined) {
    live(
      "probes idle peers after the time that is asked for, at both ends, and otherwise never",
      Effect.gen(function* () {
        for (const [keepAlive, count] of [
          ["700 seconds", 2],
          [undefined, 0]
        ] as const) {
          const socket = yield* ServerSocket.listen(0, { ...brief, keepAlive })
          yield* accepted(socket, { keepAlive })
          const rows = ss("-o", `( sport = :${portOf(socket)} or dport = :${portOf(socket)} )`)
          assert.strictEqual(rows.match(/timer:\(keepalive,11min/g)?.length ?? 0, count, rows)
        }
      })
    )

    live(
      "has a queue in the kernel of the length that is asked for, 511 otherwise",
      Effect.gen(function* () {
        for (const [backlog, length] of [
          [3, 3],
          [undefined, 511]
        ] as const) {
          const socket = yield* ServerSocket.listen(0, { backlog })
          assert.match(ss("-l", `sport = :${portOf(socket)}`), new RegExp(`^LISTEN +0 +${length} `))
        }
      })
    )
  }
})
