/** Tests over real sockets: the loopback, real time, and nothing left behind. */
import * as Resolver from "@effect-sockets/resolver/Resolver"
import { it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Scope from "effect/Scope"
import type { Network } from "../../src/Network.ts"
import * as NodeNetwork from "../../src/NodeNetwork.ts"
import * as ServerSocket from "../../src/ServerSocket.ts"
import * as SocketStream from "../../src/SocketStream.ts"
import { leavesNothing } from "./leaks.ts"
import { has, needsOf } from "../../../../test/utils/programs.ts"

/** TCP, and one name with an address of each family. */
export const layer = Layer.mergeAll(
  NodeNetwork.layer,
  Layer.orDie(Resolver.layerStatic({ hosts: { "loop.test": ["::1", "127.0.0.1"], "four.test": ["127.0.0.1"] } }))
)

/** A test on the loopback in a scope of its own; it fails if a descriptor or a handle stays behind. */
export const live = <A, E>(
  name: string,
  test: Effect.Effect<A, E, Network | Resolver.Resolver | Scope.Scope>,
  timeout = 10_000
): void =>
  it.live.runIf(needsOf(name).every(has))(
    name,
    () => leavesNothing(test.pipe(Effect.scoped, Effect.provide(layer))),
    timeout
  )

/** Both ends of a connection: the client's, then the server's. */
export type Pair = readonly [client: SocketStream.SocketStream, server: SocketStream.SocketStream]

/** Options of a pair: for both ends, or for one of them. */
export interface PairOptions extends SocketStream.Options {
  readonly client?: SocketStream.OpenOptions
  readonly server?: ServerSocket.Options
}

/** A connected pair over whatever `Network` there is. The scope owns both ends, and closes them at the same time. */
export const pair = ({ client, server, ...both }: PairOptions = {}) =>
  Effect.gen(function* () {
    const listener = yield* ServerSocket.listen(0, { ...both, ...server })
    // One after the other, the first to close would wait for the second one's FIN until its linger ends.
    const ends = yield* Scope.fork(yield* Effect.scope, "parallel")
    const accepting = yield* Effect.forkChild(ServerSocket.accept(listener).pipe(Scope.provide(ends)))
    const near = yield* SocketStream.open(listener.address, { ...both, ...client }).pipe(Scope.provide(ends))
    const pair: Pair = [near, yield* Fiber.join(accepting)]
    yield* ServerSocket.close(listener)
    return pair
  })

/** The port of an address that has one. */
export const portOf = (self: ServerSocket.ServerSocket): number => {
  if (self.address._tag === "UnixPathAddress") throw new Error("a path has no port")
  return self.address.port
}

export const bytes = (text: string): Uint8Array => new TextEncoder().encode(text)
export const text = (chunk: Uint8Array): string => new TextDecoder().decode(chunk)

/** `count` bytes that tell their place: a shifted, lost or doubled byte shows. */
export const pattern = (count: number, from = 0): Uint8Array => {
  const data = new Uint8Array(count)
  for (let i = 0; i < count; i++) {
    const at = from + i
    data[i] = (at * 31 + (at >>> 8) * 7 + (at >>> 16) * 13) & 255
  }
  return data
}
