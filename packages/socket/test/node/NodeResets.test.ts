import { assert, describe } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Net from "node:net"
import * as NodeTls from "node:tls"
import * as SocketStream from "../../src/SocketStream.ts"
import { authority, server } from "../utils/certificates.ts"
import { live, pair } from "../utils/live.ts"
import { ping, handling, echo, serving } from "../utils/serving.ts"
import { plainClient, until } from "../utils/plain.ts"

describe("a client whose FIN is followed by RST", () => {
  for (const reads of [false, true]) {
    live(
      `is seen to be gone${reads ? ", also once its end was read," : ""} though nothing is written to it`,
      Effect.gen(function* () {
        const busy = (stream: SocketStream.SocketStream) =>
          Effect.gen(function* () {
            yield* SocketStream.readLine(stream)
            if (reads) assert.isTrue(Option.isNone(yield* SocketStream.readLine(stream)))
            return yield* Effect.never
          })
        const { connect, server } = yield* serving(busy, { drainTimeout: 0 })
        const peer = yield* connect({ halfOpen: true })
        peer.socket.end("job\n")
        yield* handling(server, 1)
        yield* Effect.sleep(400)
        assert.strictEqual(yield* server.connections, 1)
        peer.socket.resetAndDestroy()
        yield* Effect.timeout(handling(server, 0), 2000)
      })
    )
  }

  live(
    "is seen to be gone under TLS as well",
    Effect.gen(function* () {
      const busy = (stream: SocketStream.SocketStream) => Effect.andThen(SocketStream.readLine(stream), Effect.never)
      const { port, server: served } = yield* serving(busy, { drainTimeout: 0 }, { tls: { identity: server } })
      const raw = yield* plainClient(port, { halfOpen: true })
      raw.socket.removeAllListeners("data")
      const socket = NodeTls.connect({ socket: raw.socket, ca: authority, servername: "socket.test" })
      socket.on("error", () => {})
      yield* until(() => socket.authorized)
      socket.end("job\n")
      yield* handling(served, 1)
      yield* Effect.sleep(100)
      raw.socket.resetAndDestroy()
      yield* Effect.timeout(handling(served, 0), 2000)
    })
  )

  live(
    "and that only waits for its answer gets it, whole",
    Effect.gen(function* () {
      const [near, far] = yield* pair()
      yield* SocketStream.endWrite(near)
      assert.isTrue(Option.isNone(yield* SocketStream.read(far)))
      yield* Effect.sleep(700)
      yield* SocketStream.write(far, "x".repeat(300_000))
      yield* SocketStream.endWrite(far)
      assert.strictEqual((yield* SocketStream.readAll(near)).length, 300_000)
    })
  )
})

describe("clients that reset by the hundred, at once", () => {
  live(
    "leave the server and its other clients as they were",
    Effect.gen(function* () {
      const { connect, port, server } = yield* serving(echo, { drainTimeout: 0, onError: () => Effect.void })
      const neighbour = yield* connect()
      for (let round = 0; round < 3; round++) {
        const sockets = Array.from({ length: 300 }, () => Net.connect({ port, host: "127.0.0.1" }))
        let gone = 0
        for (const [index, socket] of sockets.entries()) {
          socket.on("error", () => {})
          socket.on("close", () => gone++)
          if (index % 2 === 0) socket.on("connect", () => socket.resetAndDestroy())
          else socket.write("hello\n", () => socket.resetAndDestroy())
        }
        yield* ping(neighbour, `round ${round}`)
        yield* until(() => gone === 300)
      }
      yield* handling(server, 1)
      yield* ping(neighbour, "still here")
    }),
    20_000
  )

  live(
    "at any point of their handshake, leave a server under TLS and its other clients as they were",
    Effect.gen(function* () {
      const options = { drainTimeout: 0, onError: () => Effect.void }
      const { port, server: served } = yield* serving(echo, options, { tls: { identity: server } })
      const tls = { ca: authority, servername: "socket.test" }
      const neighbour = yield* SocketStream.open("127.0.0.1", port, { tls, lingerTimeout: 100 })
      for (let round = 0; round < 3; round++) {
        let gone = 0
        for (let index = 0; index < 100; index++) {
          const raw = Net.connect({ port, host: "127.0.0.1" })
          raw.on("error", () => {})
          raw.on("close", () => gone++)
          NodeTls.connect({ ...tls, socket: raw }).on("error", () => {})
          setTimeout(() => raw.resetAndDestroy(), 2 * index)
        }
        yield* SocketStream.writeLine(neighbour, `round ${round}`)
        assert.deepStrictEqual(yield* SocketStream.readLine(neighbour), Option.some(`round ${round}`))
        yield* until(() => gone === 100)
      }
      yield* handling(served, 1)
    }),
    20_000
  )
})
