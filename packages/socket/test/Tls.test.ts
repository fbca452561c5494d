import { assert, describe } from "@effect/vitest"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Option from "effect/Option"
import * as Result from "effect/Result"
import * as Stream from "effect/Stream"
import * as Net from "node:net"
import * as MemoryNetwork from "../src/MemoryNetwork.ts"
import * as Server from "../src/Server.ts"
import * as ServerSocket from "../src/ServerSocket.ts"
import type { SocketError } from "../src/SocketError.ts"
import * as SocketStream from "../src/SocketStream.ts"
import type * as Tls from "../src/Tls.ts"
import { authority, client, other, server, stranger } from "./utils/certificates.ts"
import { live, portOf } from "./utils/live.ts"

const trusting: Tls.Client = { ca: authority }

const echo = (stream: SocketStream.SocketStream) =>
  Stream.runForEach(SocketStream.lines(stream), (line) => SocketStream.writeLine(stream, line))

const serving = (tls: Tls.Server, options: Server.Options = {}) =>
  Effect.gen(function* () {
    const socket = yield* ServerSocket.listen(0, { tls })
    const running = yield* Server.start(socket, echo, options)
    return { running, port: portOf(socket) }
  })

/** What the handshake agreed on, and the echo of a line. */
const ask = (host: string, port: number, tls: Tls.Client) =>
  Effect.scoped(
    Effect.gen(function* () {
      const stream = yield* SocketStream.open(host, port, { tls })
      const info = yield* SocketStream.handshake(stream)
      yield* SocketStream.writeLine(stream, "hello")
      return { info, line: Option.getOrNull(yield* SocketStream.readLine(stream)) }
    })
  )

const tagOf = (exit: Exit.Exit<unknown, SocketError>): string =>
  Exit.match(exit, {
    onSuccess: () => "Success",
    onFailure: (cause) => Result.match(Cause.findError(cause), { onFailure: String, onSuccess: (e) => e.reason._tag })
  })

describe("under TLS", () => {
  live(
    "a client checks the server's name, and both agree on a protocol",
    Effect.gen(function* () {
      const { port } = yield* serving({ identity: server, alpnProtocols: ["b", "a"] })
      const { info, line } = yield* ask("127.0.0.1", port, { ...trusting, alpnProtocols: ["a"] })
      assert.deepInclude(info, {
        protocol: "TLSv1.3",
        alpnProtocol: "a",
        authorized: true,
        peerSubject: "CN=socket.test"
      })
      assert.strictEqual(line, "hello")
    })
  )

  live(
    "a server shows the identity of the name that is asked for",
    Effect.gen(function* () {
      const { port } = yield* serving({ identity: server, identities: { "other.test": other } })
      const named = yield* ask("127.0.0.1", port, { ...trusting, servername: "other.test" })
      assert.strictEqual(named.info.peerSubject, "CN=other.test")
      const unnamed = yield* ask("127.0.0.1", port, { ...trusting, servername: "socket.test" })
      assert.strictEqual(unnamed.info.peerSubject, "CN=socket.test")
    })
  )

  live(
    "a server of another name, or of no known authority, is refused unless one says otherwise",
    Effect.gen(function* () {
      const { port } = yield* serving({ identity: other })
      assert.strictEqual(tagOf(yield* Effect.exit(ask("127.0.0.1", port, trusting))), "Tls")
      assert.strictEqual(tagOf(yield* Effect.exit(ask("127.0.0.1", port, { servername: "other.test" }))), "Tls")
      const { info } = yield* ask("127.0.0.1", port, { rejectUnauthorized: false })
      assert.isFalse(info.authorized)
    })
  )

  live(
    "a server that requires a client's certificate takes only those of its authority",
    Effect.gen(function* () {
      const { port } = yield* serving({ identity: server, ca: authority, clientCertificate: "required" })
      for (const identity of [undefined, stranger]) {
        for (let i = 0; i < 5; i++) {
          const tag = tagOf(yield* Effect.exit(ask("127.0.0.1", port, { ...trusting, identity })))
          assert.include(["Tls", "ConnectionReset"], tag)
        }
      }
      assert.strictEqual((yield* ask("127.0.0.1", port, { ...trusting, identity: client })).line, "hello")
    })
  )

  live(
    "a server tells its handler who the client is, where it only asks",
    Effect.gen(function* () {
      const tls: Tls.Server = { identity: server, ca: authority, clientCertificate: "optional" }
      const socket = yield* ServerSocket.listen(0, { tls })
      yield* Server.start(socket, (stream) =>
        Effect.flatMap(SocketStream.handshake(stream), ({ authorized, peerSubject }) =>
          SocketStream.writeLine(stream, `${authorized} ${peerSubject}`)
        )
      )
      for (const [identity, line] of [
        [undefined, "false undefined"],
        [client, "true CN=Test client"],
        [stranger, "false"]
      ] as const) {
        assert.include((yield* ask("127.0.0.1", portOf(socket), { ...trusting, identity })).line, line)
      }
    })
  )

  live(
    "a client that never shakes hands loses its place when its time is over, and harms nobody meanwhile",
    Effect.gen(function* () {
      const { port, running } = yield* serving({ identity: server, handshakeTimeout: 300 }, { maxConnections: 2 })
      const silent = yield* SocketStream.open("127.0.0.1", port)
      assert.strictEqual((yield* ask("127.0.0.1", port, trusting)).line, "hello")
      assert.strictEqual(tagOf(yield* Effect.exit(SocketStream.read(silent))), "ConnectionReset")
      while ((yield* running.connections) > 0) yield* Effect.sleep(5)
    })
  )

  live(
    "what is no handshake ends its own connection and nothing else",
    Effect.gen(function* () {
      const { port, running } = yield* serving({ identity: server })
      const plain = Net.connect(port, "127.0.0.1").on("error", () => {})
      plain.write("GET / HTTP/1.0\r\n\r\n")
      yield* Effect.callback<void>((resume) => void plain.resume().once("close", () => resume(Effect.void)))
      assert.strictEqual((yield* ask("127.0.0.1", port, trusting)).line, "hello")
      while ((yield* running.connections) > 0) yield* Effect.sleep(5)
    })
  )
})

describe("STARTTLS", () => {
  const starttls = (early: string) =>
    Effect.gen(function* () {
      const socket = yield* ServerSocket.listen(0)
      yield* Server.start(
        socket,
        (stream) =>
          Effect.gen(function* () {
            yield* SocketStream.readLine(stream)
            yield* SocketStream.writeLine(stream, "go")
            yield* SocketStream.upgradeTls(stream, { side: "server", options: { identity: server } })
            yield* echo(stream)
          }),
        { onError: () => Effect.void }
      )
      const stream = yield* SocketStream.open("127.0.0.1", portOf(socket))
      yield* SocketStream.write(stream, `STARTTLS\r\n${early}`)
      assert.deepStrictEqual(yield* SocketStream.readLine(stream), Option.some("go"))
      const options = { ...trusting, servername: "socket.test" }
      const info = yield* SocketStream.upgradeTls(stream, { side: "client", options })
      yield* SocketStream.writeLine(stream, "secret")
      return { info, line: yield* SocketStream.readLine(stream) }
    })

  live(
    "both sides go on under TLS on the same connection",
    Effect.gen(function* () {
      const { info, line } = yield* Effect.scoped(starttls(""))
      assert.isTrue(info.authorized)
      assert.deepStrictEqual(line, Option.some("secret"))
    })
  )

  live(
    "a command that came in clear behind the agreement is never taken for a protected one",
    Effect.gen(function* () {
      assert.include(["ConnectionReset", "Tls"], tagOf(yield* Effect.exit(Effect.scoped(starttls("injected\r\n")))))
    })
  )

  live(
    "a network without TLS says so",
    Effect.gen(function* () {
      const socket = yield* ServerSocket.listen(0)
      const stream = yield* SocketStream.open(socket.address)
      const upgrade = SocketStream.upgradeTls(stream, { side: "client", options: {} })
      assert.strictEqual(tagOf(yield* Effect.exit(upgrade)), "Unsupported")
    }).pipe(Effect.provide(MemoryNetwork.layer()))
  )
})
