import * as Resolver from "@effect-sockets/resolver/Resolver"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Option } from "effect"
import * as MemoryNetwork from "../../src/MemoryNetwork.ts"
import * as Server from "../../src/Server.ts"
import * as ServerSocket from "../../src/ServerSocket.ts"
import * as SocketStream from "../../src/SocketStream.ts"

/** A server whose one connection has sent FIN and waits for its client's. */
const lingering = Effect.gen(function* () {
  const socket = yield* ServerSocket.listen(80, { lingerTimeout: "5 seconds" })
  const server = yield* Server.start(socket, SocketStream.writeLine("bye"))
  const client = yield* SocketStream.open(socket.address)
  assert.deepStrictEqual(yield* SocketStream.readLine(client), Option.some("bye"))
  assert.deepStrictEqual(yield* SocketStream.read(client), Option.none())
  return server
})

const onMemory = Effect.provide([MemoryNetwork.layer(), Resolver.layerStatic({})])

describe("a connection that lingers", () => {
  it.live("is reset by abort, and reported so", () =>
    Effect.gen(function* () {
      const server = yield* lingering
      assert.deepStrictEqual(yield* server.abort, { drained: 0, aborted: 1 })
    }).pipe(Effect.scoped, onMemory)
  )

  it.live("has ended in order for a stop", () =>
    Effect.gen(function* () {
      const server = yield* lingering
      assert.deepStrictEqual(yield* server.stop, { drained: 1, aborted: 0 })
      yield* server.abort
    }).pipe(Effect.scoped, onMemory)
  )
})
