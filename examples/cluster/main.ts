/** One of several runners: `node examples/cluster/main.ts 0 /tmp/accounts.sqlite`, several times. */
import * as EffectSocketServer from "@effect-sockets/socket/EffectSocketServer"
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import { Console, Layer } from "effect"
import * as NetAddress from "effect/net/NetAddress"
import * as Account from "./Account.ts"
import * as Cluster from "./Cluster.ts"

const [port = "0", file = "accounts.sqlite"] = process.argv.slice(2)

const announced = Layer.effectDiscard(
  EffectSocketServer.EffectSocketServer.use(({ address }) =>
    Console.log(`Runner(${NetAddress.formatSocketAddress(address)})`)
  )
)

Account.layer.pipe(
  Layer.merge(announced),
  Layer.provide(Cluster.runner(Number(port), file)),
  Layer.launch,
  NodeRuntime.runMain
)
