import * as Ipaddr from "@effect-sockets/ipaddr/Ipaddr"
import { assert, describe } from "@effect/vitest"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as NetAddress from "effect/net/NetAddress"
import * as Option from "effect/Option"
import * as MemoryNetwork from "../../src/MemoryNetwork.ts"
import * as Server from "../../src/Server.ts"
import * as ServerSocket from "../../src/ServerSocket.ts"
import * as SocketStream from "../../src/SocketStream.ts"
import type * as Tls from "../../src/Tls.ts"
import { authority, client, other, server, stranger } from "../utils/certificates.ts"
import { live, pair, portOf } from "../utils/live.ts"
import { plainClient, plainServer, until } from "../utils/plain.ts"
import { echo, endOf, handling } from "../utils/serving.ts"

const serverTls: Tls.ServerOptions = { identity: server }
const trusting: Tls.ClientOptions = { ca: authority, servername: "socket.test" }

/** A port under TLS, and clients of it. Nobody waits for anybody's FIN. */
const secured = Effect.fnUntraced(function* (tls: Partial<Tls.ServerOptions> = {}) {
  const listener = yield* ServerSocket.listen(0, { tls: { ...serverTls, ...tls }, lingerTimeout: 100 })
  const open = (options: Partial<Tls.ClientOptions> = {}, host = "127.0.0.1") =>
    SocketStream.open(host, portOf(listener), { tls: { ...trusting, ...options }, lingerTimeout: 100 })
  return { listener, open, accept: ServerSocket.accept(listener) }
})

/** What both sides say of their handshake. */
const handshakes = Effect.fnUntraced(function* (tls: Partial<Tls.ServerOptions>, options: Partial<Tls.ClientOptions>) {
  const { accept, open } = yield* secured(tls)
  const near = yield* open(options)
  const far = yield* accept
  return [yield* SocketStream.handshake(near), yield* SocketStream.handshake(far)] as const
})

const start = <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.forkChild(effect, { startImmediately: true })

describe("what a handshake agrees on", () => {
  live(
    "the version, the name that was asked for, and who the server is",
    Effect.gen(function* () {
      const [near, far] = yield* handshakes({}, {})
      assert.deepStrictEqual([near.protocol, far.protocol], ["TLSv1.3", "TLSv1.3"])
      assert.deepStrictEqual([near.authorized, near.peerSubject], [true, "CN=socket.test"])
      assert.deepStrictEqual([far.servername, far.authorized, far.peerSubject], ["socket.test", false, undefined])
    })
  )

  live(
    "the identity of the name that was asked for, or the first one",
    Effect.gen(function* () {
      for (const [servername, subject] of [
        ["other.test", "CN=other.test"],
        ["socket.test", "CN=socket.test"]
      ]) {
        const [near, far] = yield* handshakes({ identities: { "other.test": other } }, { servername })
        assert.deepStrictEqual([near.peerSubject, far.servername], [subject, servername])
      }
    })
  )

  live(
    "the first protocol that both speak, or none at all",
    Effect.gen(function* () {
      const [near, far] = yield* handshakes({ alpnProtocols: ["b", "c"] }, { alpnProtocols: ["a", "c", "b"] })
      assert.deepStrictEqual([near.alpnProtocol, far.alpnProtocol], ["b", "b"])
      const [silent] = yield* handshakes({ alpnProtocols: ["b"] }, {})
      assert.isUndefined(silent.alpnProtocol)
    })
  )

  live(
    "the client's certificate, if it shows one",
    Effect.gen(function* () {
      for (const clientCertificate of ["required", "optional"] as const) {
        const [, far] = yield* handshakes({ clientCertificate, ca: authority }, { identity: client })
        assert.deepStrictEqual([far.authorized, far.peerSubject], [true, "CN=Test client"])
      }
      const [, without] = yield* handshakes({ clientCertificate: "optional", ca: authority }, {})
      assert.deepStrictEqual([without.authorized, without.peerSubject], [false, undefined])
      const [, unknown] = yield* handshakes({ clientCertificate: "optional", ca: authority }, { identity: stranger })
      assert.deepStrictEqual([unknown.authorized, unknown.peerSubject], [false, "CN=stranger.test"])
    })
  )

  live(
    "nothing, on a stream without TLS",
    Effect.gen(function* () {
      const [near] = yield* pair()
      assert.strictEqual((yield* Effect.flip(SocketStream.handshake(near))).reason._tag, "Unsupported")
    })
  )
})

describe("a client refuses", () => {
  for (const [name, tls, options, code] of [
    ["a certificate for another name", {}, { servername: "wrong.test" }, "ERR_TLS_CERT_ALTNAME_INVALID"],
    ["a certificate that signed itself", { identity: stranger }, {}, "DEPTH_ZERO_SELF_SIGNED_CERT"],
    ["an authority that it does not know", {}, { ca: stranger.cert }, "UNABLE_TO_VERIFY_LEAF_SIGNATURE"]
  ] as const) {
    live(
      `${name}, and says why: ${code}`,
      Effect.gen(function* () {
        const { open } = yield* secured(tls)
        const error = yield* Effect.flip(open(options))
        assert.strictEqual(error.reason._tag === "Tls" && error.reason.code, code)
        assert.match(error.message, /^tls 127\.0\.0\.1:\d+: TLS: /)
        assert.isFalse(error.isRetryable)
      })
    )
  }

  live(
    "nobody if it was told so, and then says that it trusts nobody",
    Effect.gen(function* () {
      const [near] = yield* handshakes({ identity: stranger }, { rejectUnauthorized: false })
      assert.isFalse(near.authorized)
    })
  )

  live(
    "a server that speaks no TLS at all",
    Effect.gen(function* () {
      const { port } = yield* plainServer({ onPeer: ({ socket }) => void socket.write("220 hello\r\n") })
      const error = yield* Effect.flip(SocketStream.open("127.0.0.1", port, { tls: trusting }))
      assert.strictEqual(error.reason._tag, "Tls")
    })
  )

  live(
    "without a servername of its own, a certificate that is not for what it opened, in every form of host",
    Effect.gen(function* () {
      const { listener } = yield* secured()
      const port = portOf(listener)
      const address = NetAddress.ipFromStringUnsafe("127.0.0.1")
      // The certificate is for 127.0.0.1 and `localhost`, not for 127.0.0.2 and not for this name.
      const otherAddress = NetAddress.ipFromStringUnsafe("127.0.0.2")
      const elsewhere = yield* ServerSocket.listen(NetAddress.inetAddressUnsafe(otherAddress, 0), { tls: serverTls })
      const options: SocketStream.OpenOptions = { tls: { ca: authority, servername: undefined }, lingerTimeout: 100 }
      const right = [
        SocketStream.open("127.0.0.1", port, options),
        SocketStream.open(address, port, options),
        SocketStream.open(Ipaddr.fromDottedUnsafe("127.0.0.1"), port, options),
        SocketStream.open(listener.address, options)
      ]
      for (const open of right) yield* open
      const wrong = [
        SocketStream.open("four.test", port, options),
        SocketStream.open("127.0.0.2", portOf(elsewhere), options),
        SocketStream.open(otherAddress, portOf(elsewhere), options),
        SocketStream.open(Ipaddr.fromDottedUnsafe("127.0.0.2"), portOf(elsewhere), options),
        SocketStream.open(elsewhere.address, options)
      ]
      for (const open of wrong) {
        const error = yield* Effect.flip(open)
        assert.strictEqual(error.reason._tag === "Tls" && error.reason.code, "ERR_TLS_CERT_ALTNAME_INVALID")
      }
    })
  )

  live(
    "after STARTTLS without a servername, a certificate that is not for the peer's address",
    Effect.gen(function* () {
      const [near, far] = yield* pair()
      yield* start(Effect.exit(SocketStream.upgradeTls(far, { side: "server", options: { identity: other } })))
      const options = { side: "client", options: { ca: authority } } as const
      const error = yield* Effect.flip(SocketStream.upgradeTls(near, options))
      assert.strictEqual(error.reason._tag === "Tls" && error.reason.code, "ERR_TLS_CERT_ALTNAME_INVALID")
    })
  )
})

describe("a server refuses", () => {
  for (const [name, identity] of [
    ["a client without a certificate", undefined],
    ["a client whose certificate nobody signed", stranger]
  ] as const) {
    live(
      `${name}, tells it nothing, and lives on`,
      Effect.gen(function* () {
        const { accept, open } = yield* secured({ clientCertificate: "required", ca: authority })
        for (let i = 0; i < 5; i++) {
          const near = yield* open({ identity })
          const far = yield* accept
          yield* Effect.ignore(SocketStream.write(far, "secret"))
          assert.strictEqual((yield* Effect.flip(SocketStream.handshake(far))).reason._tag, "Tls")
          // In TLS 1.3 a client hears of it only when it reads.
          const heard = yield* Effect.exit(SocketStream.readAll(near))
          assert.notInclude(String(heard), "115")
          assert.strictEqual(heard._tag, "Failure")
        }
        const welcome = yield* open({ identity: client })
        yield* SocketStream.write(yield* accept, "secret")
        assert.strictEqual((yield* SocketStream.readExactly(welcome, 6)).length, 6)
      })
    )
  }

  live(
    "garbage, and its neighbours do not notice",
    Effect.gen(function* () {
      const listener = yield* ServerSocket.listen(0, { tls: serverTls })
      const served = yield* Server.start(listener, echo, { drainTimeout: 0 })
      const neighbour = yield* SocketStream.open("127.0.0.1", portOf(listener), { tls: trusting })
      const garbage = yield* plainClient(portOf(listener))
      garbage.socket.write("GET / HTTP/1.1\r\n\r\n")
      yield* endOf(garbage)
      yield* SocketStream.writeLine(neighbour, "still here")
      assert.deepStrictEqual(yield* SocketStream.readLine(neighbour), Option.some("still here"))
      yield* handling(served, 1)
    })
  )

  live(
    "a peer that does not shake hands in time, and gives its place to the next",
    Effect.gen(function* () {
      const failed = yield* Deferred.make<string>()
      const listener = yield* ServerSocket.listen(0, { tls: { ...serverTls, handshakeTimeout: 150 } })
      yield* Server.start(listener, echo, {
        maxConnections: 1,
        drainTimeout: 0,
        onError: (cause) => Effect.asVoid(Deferred.succeed(failed, String(cause)))
      })
      const silent = yield* plainClient(portOf(listener))
      const next = yield* start(SocketStream.open("127.0.0.1", portOf(listener), { tls: trusting }))
      assert.strictEqual(yield* endOf(silent), "RST")
      assert.include(yield* Deferred.await(failed), "timed out after 150 ms")
      const near = yield* Fiber.join(next)
      yield* SocketStream.writeLine(near, "my turn")
      assert.deepStrictEqual(yield* SocketStream.readLine(near), Option.some("my turn"))
    })
  )
})

describe("the client's deadline", () => {
  live(
    "ends a handshake with a silent server",
    Effect.gen(function* () {
      const { port } = yield* plainServer()
      const tls = { ...trusting, handshakeTimeout: 100 }
      const error = yield* Effect.flip(SocketStream.open("127.0.0.1", port, { tls }))
      assert.strictEqual(error.message, `tls 127.0.0.1:${port}: timed out after 100 ms`)
    })
  )

  live(
    "may be an interruption: nothing is left open",
    Effect.gen(function* () {
      const { peers, port } = yield* plainServer()
      const opening = yield* start(SocketStream.open("127.0.0.1", port, { tls: trusting }))
      yield* until(() => peers.length === 1 && peers[0].size > 0)
      yield* Fiber.interrupt(opening)
      yield* until(() => peers[0].socket.closed)
    })
  )
})

describe("STARTTLS", () => {
  live(
    "turns a clear connection into a secured one, on both sides",
    Effect.gen(function* () {
      const [near, far] = yield* pair()
      const upgrading = yield* start(
        Effect.gen(function* () {
          assert.deepStrictEqual(yield* SocketStream.readLine(far), Option.some("STARTTLS"))
          yield* SocketStream.writeLine(far, "220 go ahead")
          return yield* SocketStream.upgradeTls(far, { side: "server", options: serverTls })
        })
      )
      yield* SocketStream.writeLine(near, "STARTTLS")
      assert.deepStrictEqual(yield* SocketStream.readLine(near), Option.some("220 go ahead"))
      const info = yield* SocketStream.upgradeTls(near, { side: "client", options: trusting })
      assert.strictEqual(info.peerSubject, "CN=socket.test")
      assert.strictEqual((yield* Fiber.join(upgrading)).servername, "socket.test")
      yield* SocketStream.writeLine(near, "in secret")
      assert.deepStrictEqual(yield* SocketStream.readLine(far), Option.some("in secret"))
      yield* SocketStream.endWrite(far)
      assert.isTrue(Option.isNone(yield* SocketStream.readLine(near)))
    })
  )

  live(
    "refuses what came in clear after the agreement (RFC 3207, section 4.2), on either side",
    Effect.gen(function* () {
      for (const side of ["server", "client"] as const) {
        const [near, far] = yield* pair()
        yield* SocketStream.write(near, "STARTTLS\r\nRCPT TO:<injected>\r\n")
        yield* SocketStream.readLine(far)
        const options =
          side === "server" ? ({ side, options: serverTls } as const) : ({ side, options: trusting } as const)
        const error = yield* Effect.flip(SocketStream.upgradeTls(far, options))
        assert.strictEqual(error.reason._tag === "Tls" && error.reason.code, "ERR_SSL_WRONG_VERSION_NUMBER")
        yield* SocketStream.reset(far)
      }
    })
  )

  live(
    "fails where the other side does not follow, and the connection cannot be used afterwards",
    Effect.gen(function* () {
      const [near, far] = yield* pair()
      const upgrading = yield* start(
        Effect.flip(SocketStream.upgradeTls(near, { side: "client", options: { ...trusting, handshakeTimeout: 5000 } }))
      )
      yield* SocketStream.write(far, "500 what?\r\n")
      assert.strictEqual((yield* Fiber.join(upgrading)).reason._tag, "Tls")
      assert.strictEqual((yield* Effect.flip(SocketStream.write(near, "x"))).reason._tag, "Closed")
      assert.strictEqual((yield* Effect.flip(SocketStream.readAll(near))).reason._tag, "Closed")
    })
  )
})

describe("options that cannot be used", () => {
  const broken: Tls.Identity = { cert: "no certificate", key: "no key" }

  live(
    "fail listen, not the process",
    Effect.gen(function* () {
      const error = yield* Effect.flip(ServerSocket.listen(0, { tls: { identity: broken } }))
      assert.strictEqual(error.reason._tag, "Tls")
    })
  )

  live(
    "fail open",
    Effect.gen(function* () {
      const { open } = yield* secured()
      const error = yield* Effect.flip(open({ identity: broken }))
      assert.strictEqual(error.reason._tag, "Tls")
    })
  )

  live(
    "fail upgradeTls",
    Effect.gen(function* () {
      const [near] = yield* pair()
      const options = { side: "server", options: { identity: broken } } as const
      assert.strictEqual((yield* Effect.flip(SocketStream.upgradeTls(near, options))).reason._tag, "Tls")
    })
  )
})

describe("a network without TLS", () => {
  live(
    "says so: in upgradeTls, in open and in listen",
    Effect.gen(function* () {
      const listener = yield* ServerSocket.listen(0)
      const self = yield* SocketStream.open(listener.address)
      const errors = [
        yield* Effect.flip(SocketStream.upgradeTls(self, { side: "client", options: trusting })),
        yield* Effect.flip(SocketStream.open(listener.address, { tls: trusting })),
        yield* Effect.flip(ServerSocket.listen(0, { tls: serverTls }))
      ]
      for (const { reason } of errors) assert.strictEqual(reason._tag, "Unsupported")
    }).pipe(Effect.scoped, Effect.provide(MemoryNetwork.layer()))
  )
})
