/** Echo (RFC 862). `node examples/echo/main.ts [port]`, then `ncat 127.0.0.1 4141`. */
import * as NodeNetwork from "@effect-sockets/socket/NodeNetwork"
import * as Server from "@effect-sockets/socket/Server"
import * as ServerSocket from "@effect-sockets/socket/ServerSocket"
import * as SocketStream from "@effect-sockets/socket/SocketStream"
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import { Console, Effect } from "effect"

const echo = (stream: SocketStream.SocketStream) => SocketStream.copy(stream, stream)

const program = Effect.gen(function* () {
  const listener = yield* ServerSocket.listen(Number(process.argv[2] ?? 4141))
  yield* Console.log(String(listener))
  return yield* Server.serve(listener, echo, { maxConnections: 1000, maxPerPeer: 100, idleTimeout: "5 minutes" })
})

program.pipe(Effect.scoped, Effect.provide(NodeNetwork.layer), NodeRuntime.runMain)
