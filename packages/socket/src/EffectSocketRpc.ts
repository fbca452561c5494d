/**
 * The protocol of effect's `RpcServer` over a server of this package. It sees requests and answers, not bytes, so it
 * knows what a stop must wait for: a call that was taken is answered, and only then is the port given back.
 *
 * Use it in the place of `RpcServer.layerProtocolSocketServer`. With that one, over this package's servers as over
 * effect's own, releasing the layers releases `RpcServer` first, which interrupts every call.
 */
import * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Latch from "effect/Latch"
import * as Layer from "effect/Layer"
import type * as NetAddress from "effect/net/NetAddress"
import type { FromClientEncoded, FromServerEncoded } from "effect/rpc/RpcMessage"
import type * as RpcSerialization from "effect/rpc/RpcSerialization"
import * as RpcServer from "effect/rpc/RpcServer"
import type * as Scope from "effect/Scope"
import * as SocketServer from "effect/socket/SocketServer"
import * as EffectSocketServer from "./EffectSocketServer.ts"
import type { Network } from "./Network.ts"

/** The calls of one connection that are not answered yet, by their ids. */
class Calls {
  /** RPC's number of the connection, once it has sent something. */
  client: number | undefined
  readonly open = new Set<string | number>()
}

const Current = Context.Reference<Calls | undefined>("@effect-sockets/socket/EffectSocketRpc/Current", {
  defaultValue: () => undefined
})

/** What all connections owe. */
class Ledger {
  private readonly clients = new Map<number, Calls>()
  private readonly settled = Latch.makeUnsafe(true)
  private owed = 0

  /** Returns when no call is open. */
  get awaitSettled(): Effect.Effect<void> {
    return this.settled.await
  }

  taken(calls: Calls, client: number, message: FromClientEncoded): void {
    // Nothing answers a notification.
    if (message._tag !== "Request" || message.isNotification === true || calls.open.has(message.id)) return
    calls.client = client
    this.clients.set(client, calls)
    calls.open.add(message.id)
    this.owed++
    this.settled.closeUnsafe()
  }

  answered(client: number, response: FromServerEncoded): void {
    const calls = this.clients.get(client)
    if (calls === undefined) return
    if (response._tag === "Exit" && calls.open.delete(response.requestId)) this.settle(1)
    // A defect ends all calls of its client.
    if (response._tag === "Defect") this.forget(calls)
  }

  /** The connection has ended: nobody waits for its answers. */
  forget(calls: Calls): void {
    const { client, open } = calls
    if (client !== undefined) this.clients.delete(client)
    const { size } = open
    open.clear()
    this.settle(size)
  }

  private settle(count: number): void {
    this.owed -= count
    if (this.owed === 0) this.settled.openUnsafe()
  }
}

const defaultDrain = "10 seconds"

/**
 * A protocol for effect's `RpcServer` on a port that is open until the scope closes.
 *
 * The interruption of `RpcServer` (the release of its layer) is the graceful stop: the port closes, calls that were
 * taken get `drainTimeout` (default 10 seconds) to be answered, then the server stops as `Server.serve` does, which gives
 * what is still in use as long again. All that
 * `RpcServer` was given is still there meanwhile.
 *
 * **Errors**: `SocketServerOpenError` where `ServerSocket.listen` fails. **Interruption** leaves the port closed.
 *
 * ```ts
 * import * as EffectSocketRpc from "@effect-sockets/socket/EffectSocketRpc"
 * import * as MemoryNetwork from "@effect-sockets/socket/MemoryNetwork"
 * import { Effect, Layer } from "effect"
 * import * as RpcSerialization from "effect/rpc/RpcSerialization"
 *
 * const program = Effect.map(EffectSocketRpc.make(4141), ({ supportsAck }) => supportsAck)
 * const live = Layer.mergeAll(MemoryNetwork.layer(), RpcSerialization.layerNdjson)
 * await program.pipe(Effect.scoped, Effect.provide(live), Effect.runPromise) // => true
 * ```
 */
export const make = Effect.fnUntraced(function* (
  target: number | NetAddress.SocketAddress,
  options: EffectSocketServer.Options = {}
): Effect.fn.Return<
  RpcServer.Protocol["Service"],
  SocketServer.SocketServerError,
  Network | RpcSerialization.RpcSerialization | Scope.Scope
> {
  const server = yield* EffectSocketServer.make(target, options)
  const ledger = new Ledger()
  const counted = SocketServer.SocketServer.of({
    address: server.address,
    run: (handler) =>
      server.run((socket) =>
        Effect.suspend(() => {
          const calls = new Calls()
          return handler(socket).pipe(
            Effect.provideService(Current, calls),
            Effect.ensuring(Effect.sync(() => ledger.forget(calls)))
          )
        })
      )
  })
  const protocol = yield* Effect.provideService(RpcServer.makeProtocolSocketServer, SocketServer.SocketServer, counted)
  const stop = server.suspend.pipe(
    Effect.andThen(
      Effect.timeoutOption(ledger.awaitSettled, Duration.fromInputUnsafe(options.drainTimeout ?? defaultDrain))
    ),
    Effect.andThen(server.stop)
  )
  return RpcServer.Protocol.of({
    ...protocol,
    run: (f) =>
      Effect.uninterruptibleMask((restore) =>
        protocol
          .run((client, message) =>
            Effect.flatMap(Current, (calls) => {
              if (calls !== undefined) ledger.taken(calls, client, message)
              return f(client, message)
            })
          )
          .pipe(
            Effect.interruptible,
            // In a fiber of its own: it goes on taking what the calls under way need while the server stops.
            Effect.forkDetach({ startImmediately: true }),
            Effect.flatMap((fiber) =>
              Effect.ensuring(restore(Fiber.join(fiber)), Effect.andThen(stop, Fiber.interrupt(fiber)))
            )
          )
      ),
    send: (client, response, transferables) =>
      Effect.ensuring(
        protocol.send(client, response, transferables),
        Effect.sync(() => ledger.answered(client, response))
      )
  })
})

/**
 * As `make`, as the layer that `RpcServer.layer` asks for.
 *
 * ```ts
 * import * as EffectSocketRpc from "@effect-sockets/socket/EffectSocketRpc"
 * import * as MemoryNetwork from "@effect-sockets/socket/MemoryNetwork"
 * import { Effect, Layer } from "effect"
 * import { Rpc, RpcGroup, RpcSerialization, RpcServer } from "effect/rpc"
 *
 * class Clock extends RpcGroup.make(Rpc.make("Tick")) {}
 * const server = RpcServer.layer(Clock).pipe(
 *   Layer.provide([Clock.toLayer({ Tick: () => Effect.void }), EffectSocketRpc.layerProtocol(4141)]),
 *   Layer.provide([RpcSerialization.layerNdjson, MemoryNetwork.layer()])
 * )
 * await Effect.runPromise(Effect.scoped(Effect.as(Layer.build(server), "served"))) // => "served"
 * ```
 */
export const layerProtocol = (
  target: number | NetAddress.SocketAddress,
  options?: EffectSocketServer.Options
): Layer.Layer<RpcServer.Protocol, SocketServer.SocketServerError, Network | RpcSerialization.RpcSerialization> =>
  Layer.effect(RpcServer.Protocol, make(target, options))
