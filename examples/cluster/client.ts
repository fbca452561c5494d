/** Pays into accounts until it is stopped: `node examples/cluster/client.ts /tmp/accounts.sqlite ada grace alan`. */
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import { Console, Effect, Schedule } from "effect"
import { Account } from "./Account.ts"
import * as Cluster from "./Cluster.ts"

const [file = "accounts.sqlite", ...names] = process.argv.slice(2)

const payInto = Effect.fnUntraced(function* (name: string) {
  const account = (yield* Account.client)(name)
  for (let turn = 1; ; turn++) {
    // Asked again with the same id, it is the same deposit.
    const deposit = account.Deposit({ id: `${process.pid}-${turn}`, amount: 1 })
    const { balance, runner } = yield* deposit.pipe(
      Effect.tapError((error) => Console.log(`${name} asks again: ${error._tag}`)),
      Effect.retry(Schedule.spaced("100 millis"))
    )
    yield* Console.log(`${name} ${turn} ${balance} ${runner}`)
    yield* Effect.sleep("20 millis")
  }
})

Effect.forEach(names, payInto, { concurrency: "unbounded", discard: true }).pipe(
  Effect.provide(Cluster.client(file)),
  NodeRuntime.runMain
)
