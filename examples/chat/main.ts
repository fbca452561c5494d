/** A chat with rooms. `node examples/chat/main.ts [port]`, then several times `ncat 127.0.0.1 4242`. */
import * as NodeNetwork from "@effect-sockets/socket/NodeNetwork"
import * as Server from "@effect-sockets/socket/Server"
import * as ServerSocket from "@effect-sockets/socket/ServerSocket"
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import { Console, Effect } from "effect"
import { chat } from "./Chat.ts"
import { Rooms } from "./Rooms.ts"

const program = Effect.gen(function* () {
  const listener = yield* ServerSocket.listen(Number(process.argv[2] ?? 4242))
  yield* Console.log(String(listener))
  return yield* Server.serve(listener, chat(new Rooms()), {
    maxConnections: 1000,
    maxPerPeer: 100,
    idleTimeout: "1 hour"
  })
})

program.pipe(Effect.scoped, Effect.provide(NodeNetwork.layer), NodeRuntime.runMain)
