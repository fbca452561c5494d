/** Effect's own Node sockets as streams of ours, at both ends. */
import * as NodeSocket from "@effect/platform-node/NodeSocket"
import * as NodeSocketServer from "@effect/platform-node/NodeSocketServer"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Scope from "effect/Scope"
import type * as Socket from "effect/socket/Socket"
import * as EffectSocket from "../../src/EffectSocket.ts"
import type * as SocketStream from "../../src/SocketStream.ts"
import type { Pair } from "./live.ts"

/** Options of node:net that effect's sockets pass on. */
export interface NodeOptions {
  readonly allowHalfOpen?: boolean
}

/** A connection of effect's own, not yet opened on the client's side, and the server's side of it. */
export const sockets = (options: NodeOptions = {}) =>
  Effect.gen(function* () {
    // Effect's server waits for its connections when its scope closes, for ever if one of them is stalled.
    const scope = yield* Effect.acquireRelease(Scope.make(), (scope, exit) =>
      Effect.forkDetach(Scope.close(scope, exit))
    )
    const make = NodeSocketServer.make({ port: 0, host: "127.0.0.1", ...options })
    const server = yield* Scope.provide(make, scope)
    if (server.address._tag === "UnixPathAddress") return yield* Effect.die("not a path")
    const client = yield* NodeSocket.makeNet({ port: server.address.port, host: "127.0.0.1", ...options })
    const accepted = yield* Deferred.make<Socket.Socket>()
    // A handler's end ends nothing: its socket lives as long as the scope of its reader.
    const handler = (socket: Socket.Socket) => Effect.andThen(Deferred.succeed(accepted, socket), Effect.never)
    yield* Effect.forkIn(server.run(handler), scope)
    return { client, accepted: Deferred.await(accepted) }
  })

/** Both ends as streams of ours. The scope owns them, and closes them at the same time. */
export const pair = (options: NodeOptions & SocketStream.Options = {}) =>
  Effect.gen(function* () {
    const { accepted, client } = yield* sockets(options)
    const ends = yield* Scope.fork(yield* Effect.scope, "parallel")
    const near = yield* Scope.provide(EffectSocket.fromSocket(client, options), ends)
    const far = yield* Scope.provide(
      Effect.flatMap(accepted, (socket) => EffectSocket.fromSocket(socket, options)),
      ends
    )
    const pair: Pair = [near, far]
    return pair
  })
