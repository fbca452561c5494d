/**
 * The protocol of effect's `RpcServer` over a server of this package. It sees requests and answers, not bytes, so it
 * knows what a stop must wait for: a call that was taken is answered, and only then is the port given back.
 *
 * Use it in the place of `RpcServer.layerProtocolSocketServer`. With that one, over this package's servers as over
 * effect's own, releasing the layers releases `RpcServer` first, which interrupts every call.
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Latch from "effect/Latch"
import * as Layer from "effect/Layer"
import type * as NetAddress from "effect/net/NetAddress"
import * as Option from "effect/Option"
import type { FromClientEncoded, FromServerEncoded } from "effect/rpc/RpcMessage"
import type * as RpcSerialization from "effect/rpc/RpcSerialization"
import * as RpcServer from "effect/rpc/RpcServer"
import type * as Scope from "effect/Scope"
import * as SocketServer from "effect/socket/SocketServer"
import * as EffectSocket from "./EffectSocket.ts"
import * as EffectSocketServer from "./EffectSocketServer.ts"
import type { StreamState } from "./internal/stream/StreamState.ts"
import type { Network } from "./Network.ts"

/** Answers of one connection that may wait for their peer to read: with so many of them no more of its calls are taken. */
const mostUnsent = 64

/** The calls of one connection that are not answered yet, by their ids. As long as there are any, its stream is busy. */
class Calls {
  private readonly stream: StreamState
  private readonly open = new Set<string | number>()
  private unsent = 0
  private readonly room = Latch.makeUnsafe(true)
  /** RPC's number of the connection, once it has sent something. */
  client: number | undefined

  constructor(stream: StreamState) {
    this.stream = stream
  }

  taken(message: FromClientEncoded): void {
    // Nothing answers a notification.
    if (message._tag !== "Request" || message.isNotification === true || this.open.has(message.id)) return
    this.open.add(message.id)
    this.stream.beginWork()
  }

  /** A message was taken in. Most need no answer, and a stop must not wait for one. */
  done(): void {
    if (this.open.size === 0) this.stream.awaitingReply = false
  }

  answered(response: FromServerEncoded): void {
    if (response._tag === "Exit" && this.open.delete(response.requestId)) this.stream.endWork()
    // A defect ends all calls of its client.
    if (response._tag === "Defect") this.forget()
  }

  /** Waits while the peer reads none of what it is sent. Many calls that were taken get a turn to answer first. */
  get hasRoom(): Effect.Effect<void> {
    return this.open.size < mostUnsent ? this.room.await : Effect.andThen(Effect.yieldNow, this.room.await)
  }

  /** Sends something to the peer. */
  sending<A, E, R>(send: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> {
    return Effect.suspend(() => {
      if (++this.unsent === mostUnsent) this.room.closeUnsafe()
      return Effect.ensuring(
        send,
        Effect.sync(() => {
          if (this.unsent-- === mostUnsent) this.room.openUnsafe()
        })
      )
    })
  }

  /** Nobody waits for answers. */
  forget(): void {
    for (const _ of this.open) this.stream.endWork()
    this.open.clear()
  }
}

const Current = Context.Reference<Calls | undefined>("@effect-sockets/socket/EffectSocketRpc/Current", {
  defaultValue: () => undefined
})

/** RPC over a server that stops when `RpcServer` is released, and waits for the calls that were taken. */
const protocolOver = Effect.fnUntraced(function* (server: EffectSocketServer.EffectSocketServer["Service"]) {
  const clients = new Map<number, Calls>()
  const forget = (calls: Calls) => {
    calls.forget()
    if (calls.client !== undefined) clients.delete(calls.client)
  }
  const counted = SocketServer.SocketServer.of({
    address: server.address,
    run: (handler) =>
      server.run((socket) =>
        Effect.suspend(() => {
          const calls = new Calls(Option.getOrThrow(EffectSocket.streamOf(socket)) as StreamState)
          return handler(socket).pipe(
            Effect.provideService(Current, calls),
            Effect.ensuring(Effect.sync(() => forget(calls)))
          )
        })
      )
  })
  const protocol = yield* Effect.provideService(RpcServer.makeProtocolSocketServer, SocketServer.SocketServer, counted)
  return RpcServer.Protocol.of({
    ...protocol,
    run: (f) =>
      Effect.uninterruptibleMask((restore) =>
        protocol
          .run((client, message) =>
            Effect.flatMap(Current, (calls) => {
              if (calls === undefined) return f(client, message)
              calls.client = client
              clients.set(client, calls)
              return Effect.flatMap(calls.hasRoom, () => {
                calls.taken(message)
                return Effect.map(f(client, message), () => calls.done())
              })
            })
          )
          .pipe(
            Effect.interruptible,
            // In a fiber of its own: it goes on taking what the calls under way need while the server stops.
            Effect.forkDetach({ startImmediately: true }),
            Effect.flatMap((fiber) =>
              Effect.ensuring(restore(Fiber.join(fiber)), Effect.andThen(server.stop, Fiber.interrupt(fiber)))
            )
          )
      ),
    send: (client, response, transferables) => {
      const calls = clients.get(client)
      const send = protocol.send(client, response, transferables)
      return calls === undefined
        ? send
        : Effect.ensuring(
            calls.sending(send),
            Effect.sync(() => calls.answered(response))
          )
    }
  })
})

/**
 * A protocol for effect's `RpcServer` on a port that is open until the scope closes.
 *
 * The interruption of `RpcServer` (the release of its layer) is the graceful stop of `Server.serve`: the port closes, and
 * connections with calls that were taken get `drainTimeout` (default 10 seconds) to answer them. All that `RpcServer` was
 * given is still there meanwhile. `idleTimeout` does not run while a connection has such calls; `maxAge` resets it.
 *
 * A client that does not read its answers is held back: while 64 of them wait to be sent, no more of its calls are taken.
 *
 * **Errors**: as `EffectSocketServer.make`. **Interruption** leaves the port closed.
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
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = (
  target: number | NetAddress.SocketAddress,
  options?: EffectSocketServer.Options
): Effect.Effect<
  RpcServer.Protocol["Service"],
  SocketServer.SocketServerError,
  Network | RpcSerialization.RpcSerialization | Scope.Scope
> => Effect.flatMap(EffectSocketServer.make(target, options), protocolOver)

/**
 * As `make`, as the layer that `RpcServer.layer` asks for, and with it the server below, which has the address.
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
 *
 * @category layers
 * @since 0.1.0
 */
export const layerProtocol = (
  target: number | NetAddress.SocketAddress,
  options?: EffectSocketServer.Options
): Layer.Layer<
  RpcServer.Protocol | EffectSocketServer.EffectSocketServer,
  SocketServer.SocketServerError,
  Network | RpcSerialization.RpcSerialization
> =>
  Layer.effectContext(
    Effect.gen(function* () {
      const server = yield* EffectSocketServer.make(target, options)
      const protocol = yield* protocolOver(server)
      return Context.make(RpcServer.Protocol, protocol).pipe(Context.add(EffectSocketServer.EffectSocketServer, server))
    })
  )
