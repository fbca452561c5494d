/** `node examples/redis/main.ts [port]`: then `redis-cli -p 6379 set greeting hello`. */
import * as NodeNetwork from "@effect-sockets/socket/NodeNetwork"
import * as ServerSocket from "@effect-sockets/socket/ServerSocket"
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import { serve } from "./RedisServer.ts"

const program = Effect.gen(function* () {
  const listener = yield* ServerSocket.listen(Number(process.argv[2] ?? 6379))
  yield* Console.log(String(listener))
  return yield* serve(listener)
})

program.pipe(Effect.scoped, Effect.provide(NodeNetwork.layer), NodeRuntime.runMain)
