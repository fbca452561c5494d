/** What runners and clients share: the database, how runners are called, and how soon a runner that is gone is missed. */
import * as NodeResolver from "@effect-sockets/resolver/NodeResolver"
import * as Resolver from "@effect-sockets/resolver/Resolver"
import * as EffectSocket from "@effect-sockets/socket/EffectSocket"
import * as EffectSocketServer from "@effect-sockets/socket/EffectSocketServer"
import * as Network from "@effect-sockets/socket/Network"
import * as NodeNetwork from "@effect-sockets/socket/NodeNetwork"
import * as SocketStream from "@effect-sockets/socket/SocketStream"
import { Effect, Layer, Option } from "effect"
import * as RunnerAddress from "effect/cluster/RunnerAddress"
import * as RunnerHealth from "effect/cluster/RunnerHealth"
import * as Runners from "effect/cluster/Runners"
import * as ShardingConfig from "effect/cluster/ShardingConfig"
import * as SocketRunner from "effect/cluster/SocketRunner"
import * as SqlMessageStorage from "effect/cluster/SqlMessageStorage"
import * as SqlRunnerStorage from "effect/cluster/SqlRunnerStorage"
import * as Digest from "effect/crypto/Digest"
import * as NetAddress from "effect/net/NetAddress"
import * as RpcClient from "effect/rpc/RpcClient"
import * as RpcSerialization from "effect/rpc/RpcSerialization"
import * as Socket from "effect/socket/Socket"
import * as Sqlite from "./Sqlite.ts"

/** Effect's defaults are ten times as long, for a database that is far away. Each runner writes three times in the first. */
const times = {
  shardLockExpiration: "2 seconds",
  refreshAssignmentsInterval: "300 millis",
  entityMessagePollInterval: "300 millis",
  entityReplyPollInterval: "50 millis"
} as const

/** How one runner calls another: by a connection that stays. */
const calls = Layer.effect(
  Runners.RpcClientProtocol,
  Effect.gen(function* () {
    const context = yield* Effect.context<Network.Network | Resolver.Resolver | RpcSerialization.RpcSerialization>()
    return {
      codecFor: (yield* RpcSerialization.RpcSerialization).codecFor,
      make: ({ host, port }) =>
        EffectSocket.make(SocketStream.open(host, port, { connectTimeout: "1 second" })).pipe(
          Effect.flatMap((socket) => Effect.provideService(RpcClient.makeProtocolSocket(), Socket.Socket, socket)),
          Effect.provideContext(context)
        )
    }
  })
)

const storage = (file: string) =>
  Layer.mergeAll(SqlMessageStorage.layer, Layer.orDie(SqlRunnerStorage.layer)).pipe(
    Layer.provideMerge(Sqlite.layer(file)),
    Layer.provide(Digest.layerWebCrypto)
  )

const wires = Layer.mergeAll(NodeNetwork.layer, NodeResolver.layer, RpcSerialization.layerNdjson)

/** Runs entities; its port is a free one if it is 0, and tells the others where it is. */
export const runner = (port: number, file: string) => {
  const server = EffectSocketServer.layer(NetAddress.inetAddressUnsafe(NetAddress.ipv4Loopback, port), {
    maxConnections: 100,
    maxPerPeer: 50
  })
  const config = Layer.unwrap(
    EffectSocketServer.EffectSocketServer.useSync(({ address }) =>
      ShardingConfig.layer({
        ...times,
        runnerAddress: Option.some(RunnerAddress.make("127.0.0.1", (address as NetAddress.InetAddress).port))
      })
    )
  )
  return SocketRunner.layer.pipe(
    // Who is alive says the database: a runner that does not refresh its locks there has none.
    Layer.provide([calls, RunnerHealth.layerNoop]),
    Layer.provideMerge(storage(file)),
    Layer.provide(config),
    Layer.provideMerge(server),
    Layer.provide(wires)
  )
}

/** Asks entities, and runs none. */
export const client = (file: string) =>
  SocketRunner.layerClientOnly.pipe(
    Layer.provide(calls),
    Layer.provide(storage(file)),
    Layer.provide(ShardingConfig.layer(times)),
    Layer.provide(wires)
  )
