import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as NetAddress from "effect/net/NetAddress"
import * as Result from "effect/Result"
import * as Net from "node:net"
import * as NodeTls from "node:tls"
import type { Connection, ConnectionEvents, SecureConnection } from "../../src/Connection.ts"
import { hostName } from "../../src/internal/node/NodeTlsOptions.ts"
import { Network } from "../../src/Network.ts"
import * as ServerSocket from "../../src/ServerSocket.ts"
import * as SocketStream from "../../src/SocketStream.ts"
import type * as Tls from "../../src/Tls.ts"
import { authority, other, server } from "../utils/certificates.ts"
import { live, portOf } from "../utils/live.ts"
import { until } from "../utils/plain.ts"

/** Takes all and keeps nothing. */
class Silent implements ConnectionEvents {
  data(): void {}
  borrow(): void {}
  end(): void {}
  written(): void {}
  defect(): void {}
  closed(): void {}
}

/** Keeps what comes in clear, until TLS takes the connection over. */
class Clear implements ConnectionEvents {
  input = Buffer.alloc(0)
  readonly connection: Connection
  readonly log: Array<string> = []

  constructor(connection: Connection) {
    this.connection = connection
    connection.attach(this)
  }

  data(chunk: Uint8Array): void {
    this.input = Buffer.concat([this.input, chunk])
  }
  borrow(chunk: Uint8Array): void {
    this.data(chunk)
  }
  end(): void {}
  written(): void {}
  defect(): void {}
  closed(reason: { readonly _tag: string } | undefined): void {
    this.log.push(`closed ${reason?._tag}`)
  }

  /** Hands over to TLS, with all that came but for the first `header` bytes. */
  secure(header: number): SecureConnection {
    const options: Tls.HandshakeOptions = { side: "server", options: { identity: server, handshakeTimeout: 2000 } }
    return Result.getOrThrow(this.connection.startTls!(options, this.input.subarray(header)))
  }
}

/** One connection of a plain client, as the transport gives it. */
const accepted = Effect.gen(function* () {
  const network = yield* Network
  const all: Array<Clear> = []
  const loopback = NetAddress.inetAddressUnsafe(NetAddress.ipv4Loopback, 0)
  const events = { connection: (connection: Connection) => void all.push(new Clear(connection)), error: () => {} }
  const { address } = yield* network.listen(loopback, events)
  const raw = Net.connect(NetAddress.isInetAddress(address) ? address.port : 0, "127.0.0.1")
  raw.on("error", () => {})
  yield* Effect.addFinalizer(() => Effect.sync(() => raw.destroy()))
  yield* until(() => all.length === 1)
  return { raw, far: all[0] }
})

/** A client that says something in clear, and then goes on under TLS. */
const shaking = (raw: Net.Socket, before: string) => {
  raw.write(before)
  const socket = NodeTls.connect({ socket: raw, ca: authority, servername: "socket.test" })
  socket.on("error", () => {})
  return socket
}

describe("a handshake that has begun before it is asked for", () => {
  for (const [name, before] of [
    ["with the ClientHello alone", ""],
    ["with a PROXY header in front, in one segment", "PROXY TCP4 192.0.2.7 192.0.2.8 4711 443\r\n"]
  ] as const) {
    live(
      `${name}, goes on from there`,
      Effect.gen(function* () {
        const { far, raw } = yield* accepted
        const near = shaking(raw, before)
        yield* until(() => far.input.length > before.length)
        const secure = far.secure(before.length)
        const after = new Clear(secure)
        assert.strictEqual((yield* secure.handshake).servername, "socket.test")
        near.write("hello")
        yield* until(() => after.input.toString() === "hello")
        secure.write([Buffer.from("and back")])
        assert.strictEqual(
          String(
            yield* Effect.callback<Buffer>((resume) => {
              near.once("data", (chunk: Buffer) => resume(Effect.succeed(chunk)))
            })
          ),
          "and back"
        )
        secure.destroy()
      })
    )
  }

  live(
    "is cut off anywhere: the rest comes as it comes",
    Effect.gen(function* () {
      for (const cut of [1, 5, 6, 100]) {
        const { far, raw } = yield* accepted
        const hello: Array<Buffer> = []
        const pair = yield* relayed(raw, (chunk) => hello.push(chunk))
        yield* until(() => hello.length > 0)
        const all = Buffer.concat(hello)
        raw.write(all.subarray(0, cut))
        yield* until(() => far.input.length === cut)
        const secure = far.secure(0)
        secure.attach(new Silent())
        raw.write(all.subarray(cut))
        pair.flow()
        assert.strictEqual((yield* secure.handshake).servername, "socket.test")
        secure.destroy()
      }
    })
  )

  live(
    "with bytes in clear that are none of TLS fails, and nobody reads them as input that came under TLS",
    Effect.gen(function* () {
      const { far, raw } = yield* accepted
      shaking(raw, "EVIL COMMAND\r\n")
      yield* until(() => far.input.length > 14)
      const secure = far.secure(0)
      const after = new Clear(secure)
      assert.strictEqual((yield* Effect.flip(secure.handshake)).reason._tag, "Tls")
      yield* until(() => after.log.length === 1)
      assert.deepStrictEqual([after.input.length, after.log], [0, ["closed Tls"]])
    })
  )

  live(
    "on a connection that is gone is Closed",
    Effect.gen(function* () {
      const { far } = yield* accepted
      far.connection.destroy()
      const options: Tls.HandshakeOptions = { side: "server", options: { identity: server } }
      const outcome = far.connection.startTls!(options, new Uint8Array(0))
      assert.strictEqual(Result.getOrThrow(Result.flip(outcome))._tag, "Closed")
      yield* until(() => far.log.length === 1)
    })
  )
})

/** A TLS client behind a socket of its own: `take` hears what it sends until `flow` joins it with `raw`. */
const relayed = (raw: Net.Socket, take: (chunk: Buffer) => void) =>
  Effect.acquireRelease(
    Effect.callback<{ readonly flow: () => void; readonly close: Effect.Effect<void> }>((resume) => {
      const server = Net.createServer((inner) => {
        inner.on("error", () => {})
        inner.on("data", take)
        const flow = (): void => {
          inner.off("data", take)
          inner.pipe(raw).pipe(inner)
        }
        const close = Effect.callback<void>((closed) => {
          inner.destroy()
          near.destroy()
          server.close(() => closed(Effect.void))
        })
        resume(Effect.succeed({ flow, close }))
      })
      let near: NodeTls.TLSSocket
      server.listen(0, "127.0.0.1", () => {
        const address = server.address()
        const port = typeof address === "object" && address !== null ? address.port : 0
        near = NodeTls.connect({ port, host: "127.0.0.1", ca: authority, servername: "socket.test" })
        near.on("error", () => {})
      })
    }),
    ({ close }) => close
  )

describe("a server's name", () => {
  for (const [given, sent] of [
    ["socket.test", "socket.test"],
    ["socket.test.", "socket.test"],
    ["SOCKET.Test", "socket.test"],
    ["bücher.test", "xn--bcher-kva.test"],
    ["BÜCHER。test。", "xn--bcher-kva.test"],
    ["_service._tcp.test", "_service._tcp.test"],
    ["", undefined],
    [".", undefined],
    ["a..b", undefined],
    ["two words", undefined],
    ["nul\0", undefined],
    [`${"a".repeat(64)}.test`, undefined],
    [`${"a.".repeat(127)}`, `${"a.".repeat(126)}a`],
    [`${"a.".repeat(127)}a`, undefined]
  ] as const) {
    it(`${JSON.stringify(given).slice(0, 30)} (${given.length}) is ${sent === undefined ? "none" : "sent as RFC 6066, section 3 asks"}`, () => {
      assert.strictEqual(hostName(given), sent)
    })
  }

  live(
    "chooses the identity without case, and without the dot of an absolute name in the options or from the client",
    Effect.gen(function* () {
      const tls: Tls.ServerOptions = { identity: server, identities: { "Other.TEST.": other } }
      const listener = yield* ServerSocket.listen(0, { tls, lingerTimeout: 100 })
      for (const servername of ["other.test", "OTHER.test", "other.test."]) {
        const socket = yield* Effect.acquireRelease(
          Effect.callback<NodeTls.TLSSocket>((resume) => {
            const options = { port: portOf(listener), host: "127.0.0.1", servername, rejectUnauthorized: false }
            const socket = NodeTls.connect(options, () => resume(Effect.succeed(socket)))
            socket.on("error", () => {})
          }),
          (socket) =>
            Effect.andThen(
              Effect.sync(() => socket.destroy()),
              until(() => socket.closed)
            )
        )
        assert.strictEqual(socket.getPeerX509Certificate()?.subject, "CN=other.test", servername)
        yield* SocketStream.reset(yield* ServerSocket.accept(listener))
      }
    })
  )

  live(
    "is not sent where it is an address, and sent in its plain form otherwise",
    Effect.gen(function* () {
      const listener = yield* ServerSocket.listen(0, { tls: { identity: server }, lingerTimeout: 100 })
      for (const [servername, sent] of [
        ["127.0.0.1", undefined],
        ["LOCALHOST.", "localhost"],
        ["Socket.Test", "socket.test"]
      ] as const) {
        yield* SocketStream.open("127.0.0.1", portOf(listener), {
          tls: { ca: authority, servername },
          lingerTimeout: 100
        })
        const far = yield* ServerSocket.accept(listener)
        assert.strictEqual((yield* SocketStream.handshake(far)).servername, sent)
      }
    })
  )
})
