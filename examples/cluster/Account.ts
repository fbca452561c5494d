/** Accounts: each lives on one runner at a time, whose shard it is in. */
import { Effect, Schema } from "effect"
import * as ClusterSchema from "effect/cluster/ClusterSchema"
import * as Entity from "effect/cluster/Entity"
import * as Rpc from "effect/rpc/Rpc"
import * as SqlClient from "effect/sql/SqlClient"

export const Account = Entity.make("Account", [
  Rpc.make("Deposit", {
    /** `id` is the client's: a deposit with one that was seen gets the answer of that time. */
    payload: { id: Schema.String, amount: Schema.Int },
    primaryKey: ({ id }) => id,
    success: Schema.Struct({ balance: Schema.Int, runner: Schema.String })
  })
])
  // Whoever takes the shard over finds what was asked and is not answered.
  .annotateRpcs(ClusterSchema.Persisted, true)
  // The balance and the answer are committed together, or neither.
  .annotateRpcs(ClusterSchema.WithTransaction, true)

export const layer = Account.toLayer(
  Effect.gen(function* () {
    const sql = yield* SqlClient.SqlClient
    const { entityId } = yield* Entity.CurrentAddress
    const { host, port } = yield* Entity.CurrentRunnerAddress
    yield* Effect.orDie(sql`CREATE TABLE IF NOT EXISTS accounts (name TEXT PRIMARY KEY, balance INTEGER NOT NULL)`)
    return {
      Deposit: ({ payload: { amount } }) =>
        Effect.orDie(
          Effect.map(
            sql<{ balance: number }>`
              INSERT INTO accounts (name, balance) VALUES (${entityId}, ${amount})
              ON CONFLICT (name) DO UPDATE SET balance = balance + ${amount} RETURNING balance`,
            ([{ balance }]) => ({ balance, runner: `${host}:${port}` })
          )
        )
    }
  })
)
