import { assert, describe } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Option from "effect/Option"
import { spawn } from "node:child_process"
import type * as Net from "node:net"
import * as NodeTls from "node:tls"
import * as Server from "../../src/Server.ts"
import * as ServerSocket from "../../src/ServerSocket.ts"
import * as SocketStream from "../../src/SocketStream.ts"
import type * as Tls from "../../src/Tls.ts"
import { authority, client, server } from "../utils/certificates.ts"
import { live, portOf, text } from "../utils/live.ts"
import { plainClient } from "../utils/plain.ts"
import { echo } from "../utils/serving.ts"
import { tampering } from "../utils/tampering.ts"

const brief = { lingerTimeout: 100 }
const trusting: Tls.ClientOptions = { ca: authority, servername: "socket.test" }

/** A client and a server under TLS, with a relay between them. */
const relayed = Effect.fnUntraced(function* (version: "TLSv1.2" | "TLSv1.3") {
  const listener = yield* ServerSocket.listen(0, { ...brief, tls: { identity: server } })
  const relay = yield* tampering(portOf(listener))
  const near = yield* Effect.acquireRelease(
    Effect.callback<NodeTls.TLSSocket>((resume) => {
      const options = { ca: authority, servername: "socket.test", maxVersion: version, port: relay.port }
      const socket = NodeTls.connect({ ...options, host: "127.0.0.1" }, () => resume(Effect.succeed(socket)))
      socket.on("error", () => {})
    }),
    (socket) =>
      Effect.callback<void>((resume) => {
        if (socket.closed) return resume(Effect.void)
        socket.once("close", () => resume(Effect.void))
        socket.destroy()
      })
  )
  const far = yield* ServerSocket.accept(listener)
  near.write("hello")
  assert.strictEqual(text(yield* SocketStream.readExactly(far, 5)), "hello")
  return { near, far, relay }
})

describe("after the handshake a server hears of", () => {
  for (const version of ["TLSv1.2", "TLSv1.3"] as const) {
    live(
      `a record that was changed on its way, in ${version}: it is no input, and its end is no end (RFC 8446, 5.2)`,
      Effect.gen(function* () {
        const { far, near, relay } = yield* relayed(version)
        relay.next = "server"
        near.write("transfer 100")
        const error = yield* Effect.flip(SocketStream.readAll(far))
        assert.strictEqual(error.reason._tag, "Tls", error.message)
        assert.match(error.message, /bad.record.mac|cipher/i)
      })
    )

    live(
      `a fatal alert, in ${version}, though the peer's FIN follows it (RFC 8446, 6.2)`,
      Effect.gen(function* () {
        const { far, relay } = yield* relayed(version)
        relay.next = "client"
        yield* SocketStream.write(far, "what the client cannot read")
        const error = yield* Effect.flip(SocketStream.readAll(far))
        assert.strictEqual(error.reason._tag, "Tls", error.message)
        assert.include(error.message.toUpperCase(), "ALERT")
      })
    )
  }

  live(
    "and so does a client: of a record that was changed, and of the alert that its own changed record brings",
    Effect.gen(function* () {
      for (const side of ["client", "server"] as const) {
        const listener = yield* ServerSocket.listen(0, { ...brief, tls: { identity: server } })
        const relay = yield* tampering(portOf(listener))
        const near = yield* SocketStream.open("127.0.0.1", relay.port, { ...brief, tls: trusting })
        const far = yield* ServerSocket.accept(listener)
        yield* SocketStream.write(near, "hello")
        yield* SocketStream.readExactly(far, 5)
        relay.next = side
        yield* SocketStream.write(side === "client" ? far : near, "changed on its way")
        for (const end of [near, far]) {
          const error = yield* Effect.flip(SocketStream.readAll(end))
          assert.strictEqual(error.reason._tag, "Tls", error.message)
        }
      }
    })
  )

  live(
    "more handshakes than three on one connection (CVE-2011-1473): it is cut, and its neighbours go on (needs openssl)",
    Effect.gen(function* () {
      const listener = yield* ServerSocket.listen(0, { ...brief, tls: { identity: server } })
      yield* Server.start(listener, echo, { drainTimeout: 0, onError: () => Effect.void })
      const neighbour = yield* SocketStream.open("127.0.0.1", portOf(listener), { ...brief, tls: trusting })
      const peer = spawn("openssl", ["s_client", "-connect", `127.0.0.1:${portOf(listener)}`, "-tls1_2"])
      let output = ""
      peer.stdout.on("data", (chunk) => (output += String(chunk)))
      peer.stderr.on("data", (chunk) => (output += String(chunk)))
      peer.stdin.on("error", () => {})
      const exited = new Promise<void>((resolve) => peer.on("close", () => resolve()))
      yield* Effect.sleep(300)
      for (let i = 0; i < 8; i++) {
        peer.stdin.write("R\n")
        yield* Effect.sleep(60)
      }
      peer.stdin.end("served still\n")
      yield* Effect.promise(() => exited)
      assert.include(output, "RENEGOTIATING")
      assert.isBelow(output.split("RENEGOTIATING").length - 1, 8)
      assert.notInclude(output, "served still\r\n")
      yield* SocketStream.writeLine(neighbour, "here")
      assert.deepStrictEqual(yield* SocketStream.readLine(neighbour), Option.some("here"))
    })
  )
})

describe("a client that comes back with its session", () => {
  for (const version of ["TLSv1.2", "TLSv1.3"] as const) {
    live(
      `is let in where certificates are required, and is who it was, in ${version}`,
      Effect.gen(function* () {
        const tls: Tls.ServerOptions = { identity: server, ca: authority, clientCertificate: "required" }
        const listener = yield* ServerSocket.listen(0, { ...brief, tls })
        const seen: Array<string> = []
        yield* Server.start(
          listener,
          (stream) =>
            Effect.gen(function* () {
              const { authorized, peerSubject } = yield* SocketStream.handshake(stream)
              seen.push(`${authorized} ${peerSubject}`)
              yield* SocketStream.writeLine(stream, "hello")
            }),
          { drainTimeout: 0 }
        )
        const target = {
          port: portOf(listener),
          host: "127.0.0.1",
          ca: authority,
          servername: "socket.test",
          cert: client.cert,
          key: client.key,
          maxVersion: version
        }
        let session: Buffer | undefined
        const visit = Effect.callback<string>((resume) => {
          let heard = ""
          const socket = NodeTls.connect({ ...target, session }, () => (heard = `${socket.isSessionReused()} `))
          socket.on("session", (issued) => (session = issued))
          socket.on("data", (chunk) => (heard += String(chunk)))
          socket.on("error", (error) => (heard += error.message))
          socket.on("close", () => resume(Effect.succeed(heard.trim())))
        })
        assert.strictEqual(yield* visit, "false hello")
        assert.isDefined(session)
        assert.strictEqual(yield* visit, "true hello")
        assert.deepStrictEqual(seen, Array(2).fill("true CN=Test client"))
      })
    )
  }
})

describe("a peer that leaves before its handshake", () => {
  for (const [name, tls] of [
    ["where it must show a certificate", { clientCertificate: "required", ca: authority }],
    ["where it need not", {}]
  ] as const) {
    for (const [how, leave] of [
      ["without a byte", (socket: Net.Socket) => socket.end()],
      ["in the middle of its ClientHello", (socket: Net.Socket) => socket.end("\x16\x03\x01\x02")]
    ] as const) {
      live(
        `${how} is no empty input ${name}: reads and the handshake fail at once, and so do writes`,
        Effect.gen(function* () {
          const listener = yield* ServerSocket.listen(0, { ...brief, tls: { identity: server, ...tls } })
          const peer = yield* plainClient(portOf(listener), { halfOpen: true })
          const far = yield* ServerSocket.accept(listener)
          const failing = [Effect.asVoid(SocketStream.readAll(far)), Effect.asVoid(SocketStream.handshake(far))]
          const fibers = yield* Effect.forEach(failing, (effect) =>
            Effect.forkChild(Effect.flip(effect), { startImmediately: true })
          )
          leave(peer.socket)
          for (const fiber of fibers) {
            const error = yield* Effect.timeout(Fiber.join(fiber), 1000)
            assert.strictEqual(error.reason._tag, "ConnectionReset")
          }
          assert.strictEqual((yield* Effect.flip(SocketStream.write(far, "x"))).reason._tag, "ConnectionReset")
        })
      )
    }
  }
})
