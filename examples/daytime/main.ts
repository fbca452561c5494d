/** Daytime (RFC 867). `node examples/daytime/main.ts [port]`, then `ncat 127.0.0.1 4113`. */
import * as NodeNetwork from "@effect-sockets/socket/NodeNetwork"
import * as Server from "@effect-sockets/socket/Server"
import * as ServerSocket from "@effect-sockets/socket/ServerSocket"
import * as SocketStream from "@effect-sockets/socket/SocketStream"
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import { Console, DateTime, Effect } from "effect"

/** Says the time; the end of the handler is the end of the connection. */
const daytime = (stream: SocketStream.SocketStream) =>
  Effect.flatMap(DateTime.now, (now) => SocketStream.writeLine(stream, DateTime.formatIso(now)))

const program = Effect.gen(function* () {
  const listener = yield* ServerSocket.listen(Number(process.argv[2] ?? 4113))
  yield* Console.log(String(listener))
  return yield* Server.serve(listener, daytime, { maxConnections: 1000, maxPerPeer: 100 })
})

program.pipe(Effect.scoped, Effect.provide(NodeNetwork.layer), NodeRuntime.runMain)
