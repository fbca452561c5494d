/** A counter by RPC. `node examples/rpc/main.ts [port]`, then `node examples/rpc/client.ts 4343`. Stop it under load. */
import * as EffectSocketRpc from "@effect-sockets/socket/EffectSocketRpc"
import * as EffectSocketServer from "@effect-sockets/socket/EffectSocketServer"
import * as NodeNetwork from "@effect-sockets/socket/NodeNetwork"
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import { Console, Effect, Layer } from "effect"
import * as NetAddress from "effect/net/NetAddress"
import * as RpcSerialization from "effect/rpc/RpcSerialization"
import * as RpcServer from "effect/rpc/RpcServer"
import { Counter } from "./Counter.ts"

/** Released last: every call that was taken has been answered by then. */
const counter = Counter.toLayer(
  Effect.gen(function* () {
    let total = 0
    yield* Effect.addFinalizer(() => Console.log(`The total is ${total}.`))
    return {
      // Counted at once and answered later, as a database does it: a call that is cut in between is lost.
      Add: ({ amount }) => Effect.delay(Effect.succeed((total += amount)), "5 millis")
    }
  })
)

const protocol = EffectSocketRpc.layerProtocol(Number(process.argv[2] ?? 4343), {
  maxConnections: 1000,
  maxPerPeer: 50,
  idleTimeout: "5 minutes"
})

const announced = Layer.effectDiscard(
  EffectSocketServer.EffectSocketServer.use(({ address }) =>
    Console.log(`CounterServer(${NetAddress.formatSocketAddress(address)})`)
  )
)

RpcServer.layer(Counter).pipe(
  Layer.merge(announced),
  Layer.provide([counter, protocol]),
  Layer.provide([RpcSerialization.layerNdjson, NodeNetwork.layer]),
  Layer.launch,
  NodeRuntime.runMain
)
