/** What server and client agree on. */
import { Schema } from "effect"
import * as Rpc from "effect/rpc/Rpc"
import * as RpcGroup from "effect/rpc/RpcGroup"

export class Counter extends RpcGroup.make(
  Rpc.make("Add", {
    payload: { amount: Schema.Int.check(Schema.isBetween({ minimum: 1, maximum: 1000 })) },
    success: Schema.Int
  })
) {}
