import { assert, describe } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as NetAddress from "effect/net/NetAddress"
import * as Net from "node:net"
import type { ConnectionEvents } from "../../src/Connection.ts"
import { NodeConnection } from "../../src/internal/node/NodeConnection.ts"
import { PlainConnection } from "../../src/internal/node/NodeTls.ts"
import * as ServerSocket from "../../src/ServerSocket.ts"
import * as SocketStream from "../../src/SocketStream.ts"
import { live, pair, portOf } from "../utils/live.ts"
import { plainClient, plainServer, until } from "../utils/plain.ts"

/** A connection to a plain server, to which nobody has attached. */
const unattached = Effect.gen(function* () {
  const server = yield* plainServer()
  const socket = Net.connect({ port: server.port, host: "127.0.0.1", allowHalfOpen: true })
  yield* Effect.callback<void>((resume) => void socket.once("connect", () => resume(Effect.void)))
  const connection = new NodeConnection(socket)
  yield* until(() => server.peers.length === 1)
  return { connection, peer: server.peers[0], socket }
})

/** Writes down what a connection reports. */
const recorder = () => {
  const heard: Array<string> = []
  const events: ConnectionEvents = {
    data: (chunk) => void heard.push(`data ${chunk.length}`),
    borrow: (chunk) => void heard.push(`borrow ${chunk.length}`),
    end: () => void heard.push("end"),
    written: () => void heard.push("written"),
    defect: (cause) => void heard.push(`defect ${String(cause)}`),
    closed: (reason) => void heard.push(`closed ${reason?._tag ?? "in order"}`)
  }
  return [events, heard] as const
}

describe("a connection that nobody has attached to", () => {
  for (const call of ["destroy", "reset"] as const) {
    live(
      `can be ended by ${call}`,
      Effect.gen(function* () {
        const { connection, socket } = yield* unattached
        if (call === "destroy") connection.destroy()
        else connection.reset()
        yield* until(() => socket.closed)
      })
    )
  }

  live(
    "and that its peer resets, reports it to whoever attaches later",
    Effect.gen(function* () {
      const { connection, peer, socket } = yield* unattached
      peer.socket.resetAndDestroy()
      // As every owner must, in the turn of the connection; here the reset comes before.
      socket.resume()
      yield* until(() => socket.closed)
      const [events, heard] = recorder()
      connection.attach(events)
      assert.deepStrictEqual(heard, ["closed ConnectionReset"])
    })
  )
})

describe("a socket that is closed", () => {
  live(
    "leads to no connection any more: Node keeps some of them for long",
    Effect.gen(function* () {
      const { connection, socket } = yield* unattached
      const [events] = recorder()
      connection.attach(events)
      const leadsTo = () =>
        Reflect.ownKeys(socket).some(
          (key) => Reflect.get(socket, key) === connection || Reflect.get(socket, key) === events
        )
      assert.isTrue(leadsTo())
      connection.destroy()
      yield* until(() => !leadsTo())
      assert.isTrue(socket.closed)
      // What Node might still report has nobody who hears it, and does no harm.
      socket.emit("error", "late")
    })
  )
})

describe("what a connection reports", () => {
  live(
    "data, the end, and then one closed without a reason after an orderly end",
    Effect.gen(function* () {
      const { connection, peer, socket } = yield* unattached
      const [events, heard] = recorder()
      connection.attach(events)
      peer.socket.end("hello")
      yield* until(() => heard.includes("end"))
      assert.isTrue(connection.write([new Uint8Array(3), new Uint8Array(4)]))
      connection.end()
      yield* until(() => socket.closed)
      assert.deepStrictEqual(heard, ["borrow 5", "end", "closed in order"])
      assert.strictEqual(peer.size, 7)
    })
  )

  live(
    "at once that it closes, where it ends its output after the peer's, and the peer still gets all of it",
    Effect.gen(function* () {
      const server = yield* plainServer()
      const socket = Net.connect({ port: server.port, host: "127.0.0.1", allowHalfOpen: true })
      yield* Effect.callback<void>((resume) => void socket.once("connect", () => resume(Effect.void)))
      const connection = new PlainConnection(socket)
      yield* until(() => server.peers.length === 1)
      const [peer] = server.peers
      const [events, heard] = recorder()
      connection.attach(events)
      peer.socket.pause()
      peer.socket.end()
      yield* until(() => heard.includes("end"))
      assert.isTrue(connection.write([new Uint8Array(100_000)]))
      assert.isTrue(connection.end())
      yield* until(() => heard.length > 1)
      assert.deepStrictEqual(heard, ["end", "closed in order"])
      peer.socket.resume()
      yield* until(() => peer.ended)
      assert.strictEqual(peer.size, 100_000)
    })
  )

  live(
    "as written at once only so much that others have their turn",
    Effect.gen(function* () {
      const { connection } = yield* unattached
      const [events, heard] = recorder()
      connection.attach(events)
      let taken = 32 * 1024
      while (connection.write([new Uint8Array(32 * 1024)])) taken += 32 * 1024
      assert.isAtMost(taken, 1024 * 1024)
      yield* until(() => heard.includes("written"))
      assert.isTrue(connection.write([new Uint8Array(1)]))
    })
  )

  live(
    "no write as done that a socket drops because it is destroyed",
    Effect.gen(function* () {
      const { connection } = yield* unattached
      const [events, heard] = recorder()
      connection.attach(events)
      connection.destroy()
      assert.isFalse(connection.write([new Uint8Array(1)]))
      yield* until(() => heard.length > 0)
      yield* Effect.sleep(20)
      assert.deepStrictEqual(heard, ["closed in order"])
    })
  )

  live(
    "nothing after closed, and closed once, however often it is ended",
    Effect.gen(function* () {
      const { connection, peer, socket } = yield* unattached
      const [events, heard] = recorder()
      connection.attach(events)
      peer.socket.write("late")
      connection.reset()
      connection.destroy()
      connection.reset()
      yield* until(() => socket.closed)
      yield* Effect.sleep(20)
      assert.deepStrictEqual(heard, ["closed in order"])
      assert.strictEqual(peer.error, "ECONNRESET")
    })
  )

  live(
    "a reset while FIN is under way closes too",
    Effect.gen(function* () {
      const { connection } = yield* unattached
      const [events, heard] = recorder()
      connection.attach(events)
      connection.end()
      connection.reset()
      yield* until(() => heard.length > 0)
      assert.deepStrictEqual(heard, ["closed in order"])
    })
  )
})

describe("addresses", () => {
  live(
    "are known after the peer has gone",
    Effect.gen(function* () {
      const listener = yield* ServerSocket.listen(0)
      const peer = yield* plainClient(portOf(listener))
      const port = peer.socket.localPort
      yield* Effect.sleep(20)
      const self = yield* ServerSocket.accept(listener)
      peer.socket.resetAndDestroy()
      yield* Effect.ignore(SocketStream.read(self))
      assert.strictEqual(String(self), `SocketStream([127.0.0.1:${portOf(listener)}] to [127.0.0.1:${port}])`)
    })
  )

  live(
    "of IPv4 peers are IPv4 also where both families are listened to",
    Effect.gen(function* () {
      const listener = yield* ServerSocket.listen(NetAddress.inetAddressUnsafe(NetAddress.ipv6Unspecified, 0), {
        ipv6Only: false
      })
      assert.strictEqual(NetAddress.formatSocketAddress(listener.address), `[::]:${portOf(listener)}`)
      for (const host of ["127.0.0.1", "::1"]) {
        const peer = yield* plainClient(portOf(listener), { host })
        const self = yield* ServerSocket.accept(listener)
        const [localHost, localPort, remoteHost, remotePort] = SocketStream.hostPort(self)
        assert.deepStrictEqual(
          [localHost, remoteHost].map((address) => typeof address === "object" && NetAddress.formatIp(address)),
          [host, host]
        )
        assert.deepStrictEqual([localPort, remotePort], [portOf(listener), peer.socket.localPort])
      }
    })
  )
})

describe("timers", () => {
  live(
    "of thirty days neither fire at once nor warn",
    Effect.gen(function* () {
      const warnings: Array<string> = []
      const onWarning = (warning: Error) => void warnings.push(warning.name)
      process.on("warning", onWarning)
      yield* Effect.addFinalizer(() => Effect.sync(() => process.off("warning", onWarning)))
      const [client, server] = yield* pair({ readTimeout: "30 days", writeTimeout: "30 days" })
      const reading = yield* Effect.forkChild(SocketStream.read(server), { startImmediately: true })
      yield* Effect.sleep(50)
      assert.isUndefined(reading.pollUnsafe())
      yield* SocketStream.write(client, "x")
      yield* Fiber.join(reading)
      assert.deepStrictEqual(warnings, [])
    })
  )
})
