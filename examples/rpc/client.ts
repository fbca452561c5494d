/** Adds ones, 20 at a time, until the server leaves; then says how many were answered. */
import * as NodeResolver from "@effect-sockets/resolver/NodeResolver"
import * as EffectSocket from "@effect-sockets/socket/EffectSocket"
import * as NodeNetwork from "@effect-sockets/socket/NodeNetwork"
import * as SocketStream from "@effect-sockets/socket/SocketStream"
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import { Console, Effect, Layer } from "effect"
import * as RpcClient from "effect/rpc/RpcClient"
import * as RpcSerialization from "effect/rpc/RpcSerialization"
import { Counter } from "./Counter.ts"

const program = Effect.gen(function* () {
  const { Add } = yield* RpcClient.make(Counter)
  let answered = 0
  const add = Effect.tap(Add({ amount: 1 }), () =>
    Effect.suspend(() => (++answered === 100 ? Console.log("100 answered, and going on") : Effect.void))
  )
  const untilItFails = Effect.catchTag(Effect.forever(add), "RpcClientError", () => Effect.void)
  yield* Effect.all(
    Array.from({ length: 20 }, () => untilItFails),
    { concurrency: "unbounded" }
  )
  yield* Console.log(`${answered} were answered.`)
})

const protocol = RpcClient.layerProtocolSocket().pipe(
  Layer.provide(EffectSocket.layer(SocketStream.open("127.0.0.1", Number(process.argv[2] ?? 4343)))),
  Layer.provide([RpcSerialization.layerNdjson, NodeNetwork.layer, NodeResolver.layer])
)

program.pipe(Effect.scoped, Effect.provide(protocol), NodeRuntime.runMain)
