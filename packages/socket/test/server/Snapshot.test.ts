import { assert, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as NetAddress from "effect/net/NetAddress"

import * as Server from "../../src/Server.ts"
import * as ServerSocket from "../../src/ServerSocket.ts"
import * as SocketStream from "../../src/SocketStream.ts"
import * as Simulation from "../../src/testing/Simulation.ts"
import * as memory from "../utils/memory.ts"

it.effect("a snapshot tells addresses, age, silence, bytes and state of each connection, the oldest first", () =>
  Effect.gen(function* () {
    const socket = yield* ServerSocket.listen(0)
    const server = yield* Server.start(socket, (stream) =>
      Effect.andThen(
        SocketStream.readLine(stream),
        Effect.forever(Effect.andThen(SocketStream.write(stream, "tick"), Effect.sleep("1 second")))
      )
    )
    const silent = yield* SocketStream.open(socket.address)
    yield* Effect.sleep(2000)
    const asking = yield* SocketStream.open(socket.address)
    yield* Effect.sleep(700)
    yield* SocketStream.writeLine(asking, "now")
    yield* Effect.sleep(4900)
    const text = (address: NetAddress.SocketAddress) => NetAddress.formatSocketAddress(address)
    const snapshot = (yield* server.snapshot).map(({ localAddress, remoteAddress, ...rest }) => ({
      ends: `${text(localAddress)} ${text(remoteAddress)}`,
      ...rest
    }))
    const ends = (stream: SocketStream.SocketStream) => `${text(stream.remoteAddress)} ${text(stream.localAddress)}`
    assert.deepStrictEqual(snapshot, [
      { ends: ends(silent), age: 7600, idleTime: 7600, bytesRead: 0, bytesWritten: 0, isIdle: true, state: "open" },
      { ends: ends(asking), age: 5600, idleTime: 4900, bytesRead: 5, bytesWritten: 20, isIdle: false, state: "open" }
    ])
  }).pipe(Effect.scoped, Effect.provide(memory.layer()), Simulation.simulate)
)
