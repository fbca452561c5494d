/**
 * A server that a service manager may open the port for: it takes what it is passed, or opens a port of its own.
 * `systemd-socket-activate -l 127.0.0.1:4545 node examples/activated/main.ts`, or without the first part, then several
 * times `ncat 127.0.0.1 4545`. `activated.socket` and `activated.service` are the units for it.
 */
import * as NodeNetwork from "@effect-sockets/socket/NodeNetwork"
import * as Server from "@effect-sockets/socket/Server"
import * as ServerSocket from "@effect-sockets/socket/ServerSocket"
import * as SocketActivation from "@effect-sockets/socket/SocketActivation"
import * as SocketStream from "@effect-sockets/socket/SocketStream"
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import { Console, Effect } from "effect"

const listen = Effect.gen(function* () {
  const passed = yield* SocketActivation.passedTo(process.pid)
  return yield* passed.length === 0
    ? ServerSocket.listen(Number(process.argv[2] ?? 4545))
    : ServerSocket.listenAll(passed.map(({ descriptor }) => ({ descriptor })))
})

let count = 0

/** After a restart another process counts from 1, and no client was refused between the two. */
const greet = (stream: SocketStream.SocketStream) =>
  SocketStream.writeLine(stream, `Process ${process.pid} greets client ${++count}`)

const program = Effect.gen(function* () {
  const listener = yield* listen
  yield* Console.log(String(listener))
  return yield* Server.serve(listener, greet, { maxConnections: 1000, maxPerPeer: 100 })
})

program.pipe(Effect.scoped, Effect.provide(NodeNetwork.layer), NodeRuntime.runMain)
