import * as NodeResolver from "@effect-sockets/resolver/NodeResolver"
import * as NodeNetwork from "@effect-sockets/socket/NodeNetwork"
import * as SocketStream from "@effect-sockets/socket/SocketStream"
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import { Console, Effect } from "effect"

const hello = Effect.gen(function* () {
  const stream = yield* SocketStream.open("localhost", 4141)
  yield* SocketStream.writeLine(stream, "hello")
  yield* Console.log(yield* SocketStream.readLine(stream))
})

hello.pipe(Effect.scoped, Effect.provide([NodeNetwork.layer, NodeResolver.layer]), NodeRuntime.runMain)
