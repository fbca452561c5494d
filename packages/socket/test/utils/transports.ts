/** One test over every transport, and fibers that are interrupted at any of their operations. */
import * as Resolver from "@effect-sockets/resolver/Resolver"
import { assert } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as NetAddress from "effect/net/NetAddress"
import * as Scheduler from "effect/Scheduler"
import type * as Scope from "effect/Scope"
import { tmpdir } from "node:os"
import { join } from "node:path"
import * as MemoryNetwork from "../../src/MemoryNetwork.ts"
import type { Network } from "../../src/Network.ts"
import * as ServerSocket from "../../src/ServerSocket.ts"
import * as SocketStream from "../../src/SocketStream.ts"
import { authority, server } from "./certificates.ts"
import { leavesNothing } from "./leaks.ts"
import { layer as live } from "./live.ts"

type Env = Network | Resolver.Resolver

/** How a test gets a network, and what it must have given back at its end. */
export interface Transport {
  readonly address: () => NetAddress.SocketAddress
  readonly listen?: ServerSocket.Options
  readonly open?: SocketStream.OpenOptions
  readonly run: <A, E>(effect: Effect.Effect<A, E, Env | Scope.Scope>) => Effect.Effect<A, unknown>
}

const anyPort = NetAddress.inetAddressFromStringUnsafe("127.0.0.1:0")

/** On this machine's network; it fails if a descriptor or a handle stays behind. */
const onLoopback: Transport["run"] = (effect) => leavesNothing(effect.pipe(Effect.scoped, Effect.provide(live)))

const memory = Layer.merge(
  MemoryNetwork.layer({ sendBuffer: 3000, receiveBuffer: 3000 }),
  Layer.orDie(Resolver.layerStatic({}))
)

/** In memory; it fails if a port or an end of a connection stays open. */
const inMemory: Transport["run"] = (effect) =>
  Effect.gen(function* () {
    const value = yield* Effect.scoped(effect)
    // In real time: what lingers is over soon.
    for (let i = 0; i < 300 && (yield* MemoryNetwork.descriptors) > 0; i++) yield* Effect.sleep(5)
    assert.strictEqual(yield* MemoryNetwork.descriptors, 0, "descriptors")
    return value
  }).pipe(Effect.provide(memory))

let paths = 0

/** Every transport, by its name. */
export const transports: { readonly [name: string]: Transport } = {
  memory: { address: () => anyPort, run: inMemory },
  TCP: { address: () => anyPort, run: onLoopback },
  "Unix-domain sockets": {
    address: () => NetAddress.unixPathAddress(join(tmpdir(), `effect-sockets-storm-${process.pid}-${paths++}.sock`)),
    run: onLoopback
  },
  TLS: {
    address: () => anyPort,
    listen: { tls: { identity: server } },
    open: { tls: { ca: authority, servername: "socket.test" } },
    run: onLoopback
  }
}

/** The exit of an effect in turns of so many operations, interrupted after so many turns of everybody else. */
export const struck = Effect.fnUntraced(function* <A, E, R>(
  effect: Effect.Effect<A, E, R>,
  ops: number,
  delay: number
) {
  const fiber = yield* Effect.forkChild(Effect.provideService(effect, Scheduler.MaxOpsBeforeYield, ops), {
    startImmediately: true
  })
  for (let i = 0; i < delay; i++) yield* i % 5 === 4 ? Effect.sleep(0) : Effect.yieldNow
  yield* Fiber.interrupt(fiber)
  return yield* Fiber.await(fiber)
})

/** For ends that do not wait for each other. */
export const limits = { lingerTimeout: 200 }

/** Opens a pair on a transport. */
export const connected = Effect.fnUntraced(function* ({ address, listen, open }: Transport) {
  const port = yield* ServerSocket.listen(address(), { ...listen, ...limits })
  const accepting = yield* Effect.forkChild(ServerSocket.accept(port), { startImmediately: true })
  const near = yield* SocketStream.open(port.address, { ...open, ...limits })
  return { near, far: yield* Fiber.join(accepting) }
})
