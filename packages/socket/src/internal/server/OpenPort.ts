/** Opens a server socket: its listeners, and the queue behind them. */
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as NetAddress from "effect/net/NetAddress"
import * as Predicate from "effect/Predicate"
import * as Result from "effect/Result"
import * as Scope from "effect/Scope"
import * as InvalidOption from "@effect-sockets/resolver/InvalidOption"
import type { Resolver } from "@effect-sockets/resolver/Resolver"
import { type ListenOptions, Network } from "../../Network.ts"
import { make as makeError, type NetworkError, type Reason } from "../../NetworkError.ts"
import type * as Tls from "../../Tls.ts"
import { checks, limitsFrom, type Options as StreamOptions } from "../stream/StreamOptions.ts"
import { AcceptQueue } from "./AcceptQueue.ts"
import { ListeningPort, type ServerSocket } from "./ListeningPort.ts"
import { labelOf, openAll, resolve, type Target } from "./ListenTargets.ts"

/**
 * How a port is opened, and the limits of the streams that come from it.
 *
 * ```ts
 * import * as MemoryNetwork from "@effect-sockets/socket/MemoryNetwork"
 * import * as ServerSocket from "@effect-sockets/socket/ServerSocket"
 * import { Effect } from "effect"
 * const options: ServerSocket.Options = { queue: 100, queueTimeout: "5 seconds", readTimeout: "30 seconds" }
 * const program = Effect.map(ServerSocket.listen(80, options), String)
 * const scoped = program.pipe(Effect.scoped, Effect.provide(MemoryNetwork.layer()))
 * await Effect.runPromise(scoped) // => "ServerSocket(127.0.0.1:80)"
 * ```
 *
 * @category options
 * @since 0.1.0
 */
export interface Options extends ListenOptions, StreamOptions {
  /**
   * Connections that wait to be accepted, at least 1. Each holds a descriptor. Default: a third of the network's capacity,
   * at most 1024; a server takes what its own bound leaves.
   */
  readonly queue?: number | undefined
  /** How long one may wait before it is refused. Default: as long as it takes. */
  readonly queueTimeout?: Duration.Input | undefined
  /**
   * Serve under TLS. Connections are accepted while their handshake goes on, as `SocketStream.handshake` tells; one that
   * fails or takes longer than `handshakeTimeout` ends only itself. `Unsupported` on a network without TLS.
   */
  readonly tls?: Tls.ServerOptions | undefined
}

/** Connections that wait, where nobody says how many: each needs a descriptor that no handler has then. */
const defaultQueue = (capacity: number): number => Math.max(1, Math.min(1024, Math.floor(capacity / 3)))

const unsupported = (at: number, detail: string) =>
  Effect.fail(makeError("listen", labelOf({ descriptor: at }), { _tag: "Unsupported", detail }))

/** Opens what the targets stand for. Without a name among them no resolver is asked for. */
export const open = Effect.fnUntraced(function* (
  targets: ReadonlyArray<Target>,
  options: Options = {}
): Effect.fn.Return<ServerSocket, NetworkError, Network | Resolver | Scope.Scope> {
  const network = yield* Network
  const scope = yield* Effect.scope
  const reason =
    targetsProblem(targets) ??
    InvalidOption.find(options, { ...checks, ...queueChecks }) ??
    tlsProblem(network, options.tls)
  const place = isTarget(targets?.[0]) ? labelOf(targets[0]) : "nothing"
  if (reason !== undefined) return yield* makeError("listen", place, reason)
  const places = yield* resolve(targets)
  const queue = new AcceptQueue({
    capacity: options.queue ?? defaultQueue(network.capacity),
    timeout: InvalidOption.toMillis(options.queueTimeout),
    limits: limitsFrom(options),
    tls: options.tls
  })
  // Released in reverse: first the port closes, then what still waits is reset.
  yield* Scope.addFinalizer(
    scope,
    Effect.sync(() => queue.close(makeError("accept", place, { _tag: "Closed" })))
  )
  const listening = Scope.forkUnsafe(scope)
  const listenOn = (descriptor: number) =>
    network.listenOn === undefined
      ? unsupported(descriptor, "descriptors on this network")
      : network.listenOn(descriptor, queue, options)
  const listeners = yield* Scope.provide(
    openAll(places, (at) => ("descriptor" in at ? listenOn(at.descriptor) : network.listen(at, queue, options))),
    listening
  )
  const [isPassed] = places.flatMap(({ at }) => ("descriptor" in at ? [at.descriptor] : []))
  const addresses = listeners.map(({ address }) => ({ at: address, isNamed: false }))
  const reopen =
    isPassed === undefined
      ? openAll(addresses, (at) => network.listen(at as NetAddress.SocketAddress, queue, options))
      : // Its number may be another's by now.
        unsupported(isPassed, "a descriptor that was closed is not opened again")
  const isQueueGiven = options.queue !== undefined
  return new ListeningPort(listeners, listening, { queue, isQueueGiven, capacity: network.capacity, reopen, scope })
})

const isTarget = (value: unknown): boolean =>
  typeof value === "number" ||
  NetAddress.isSocketAddress(value) ||
  Predicate.hasProperty(value, "host") ||
  Predicate.hasProperty(value, "descriptor")

const targetsProblem = (targets: ReadonlyArray<Target>): InvalidOption.InvalidOption | undefined => {
  if (!Array.isArray(targets)) return InvalidOption.find({ targets: targets ?? null }, { targets: InvalidOption.array })
  if (targets.length === 0) return InvalidOption.find({ targets: 0 }, { targets: () => "a list of at least one" })
  const wrong = targets.findIndex((target) => !isTarget(target))
  const name = `targets[${wrong}]`
  const mustBe = (): string => "a port, an address, a host with a port, or a descriptor"
  return wrong < 0 ? undefined : InvalidOption.find({ [name]: targets[wrong] ?? null }, { [name]: mustBe })
}

const queueChecks = { queue: InvalidOption.integer(1), queueTimeout: InvalidOption.positiveDuration } as const

/** Options that cannot be used must fail here, not at each connection. */
const tlsProblem = (network: Network["Service"], tls: Tls.ServerOptions | undefined): Reason | undefined => {
  if (tls === undefined) return undefined
  if (network.checkTls === undefined) return { _tag: "Unsupported", detail: "TLS on this network" }
  return InvalidOption.find(tls, {}, "tls.") ?? Result.getOrUndefined(Result.flip(network.checkTls(tls)))
}
