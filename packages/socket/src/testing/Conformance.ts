/**
 * The contract of streams and servers as a test suite for any transport. It needs no test runner: each case is an effect
 * that succeeds, or fails with what is wrong. Give each one to your runner:
 * `for (const { name, run } of Conformance.cases(factory)) it.live(name, () => Effect.provide(run, layers))`.
 */
import * as InvalidOption from "@effect-sockets/resolver/InvalidOption"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import type * as NetAddress from "effect/net/NetAddress"
import * as Schema from "effect/Schema"
import * as Scope from "effect/Scope"
import * as Deadlines from "../internal/conformance/Deadlines.ts"
import * as Ends from "../internal/conformance/Ends.ts"
import * as Frames from "../internal/conformance/Frames.ts"
import { type Checks, type Factory, type Pair } from "../internal/conformance/Kit.ts"
import * as Servers from "../internal/conformance/Servers.ts"
import * as Transfer from "../internal/conformance/Transfer.ts"
import type { Network } from "../Network.ts"
import * as ServerSocket from "../ServerSocket.ts"
import * as SocketStream from "../SocketStream.ts"

export type {
  /** How the suite gets the streams that it certifies. */
  Factory,
  /** Both ends of one connection. */
  Pair
}

/**
 * A promise of the contract that a transport does not keep.
 *
 * ```ts
 * import * as Conformance from "@effect-sockets/socket/testing/Conformance"
 * const failure = Conformance.ConformanceFailure.make({ name: "BasicIO", detail: "a byte is missing" })
 * failure.message // => "BasicIO: a byte is missing"
 * ```
 *
 * @category errors
 * @since 0.1.0
 */
export class ConformanceFailure extends Schema.TaggedError<ConformanceFailure>()("ConformanceFailure", {
  /** The case: the promise in one sentence. */
  name: Schema.String,
  /** What happened instead. */
  detail: Schema.String
}) {
  override get message(): string {
    return `${this.name}: ${this.detail}`
  }
}

/**
 * One promise of the contract.
 *
 * ```ts
 * import * as Conformance from "@effect-sockets/socket/testing/Conformance"
 * import { Effect } from "effect"
 * const named = (cases: ReadonlyArray<Conformance.Case>, name: string) => cases.filter((one) => one.name.startsWith(name))
 * named(Conformance.cases({ pair: () => Effect.fail("no transport yet") }), "BasicIO").length // => 1
 * ```
 *
 * @category models
 * @since 0.1.0
 */
export interface Case<R = never> {
  /** The promise in one sentence, unique in the suite. */
  readonly name: string
  /**
   * Shows it. A case takes a second or two, and fails by itself after 30; what it opened is closed when it ends. It fails
   * too where a call of the factory's throws, or an option of it cannot be meant.
   */
  readonly run: Effect.Effect<void, ConformanceFailure, R>
}

const limit = Duration.seconds(30)

/** A factory that cannot be meant is wrong in each case. */
const invalid = <R>({ maxBufferedBytes, openHandles, signalsReset }: Factory<R>): string | undefined => {
  const found = InvalidOption.find(
    { maxBufferedBytes, openHandles, signalsReset },
    {
      maxBufferedBytes: InvalidOption.integer(1),
      openHandles: (value) => (Effect.isEffect(value) ? undefined : "an effect"),
      signalsReset: InvalidOption.boolean
    }
  )
  return found && InvalidOption.describe(found)
}

const toCases = <R>(checks: Checks<R>, factory: Factory<R>): ReadonlyArray<Case<R>> =>
  Object.entries(checks).map(([name, check]) => ({
    name,
    run: Effect.suspend(() => {
      const detail = invalid(factory)
      return detail === undefined ? check(factory) : Effect.fail(detail)
    }).pipe(
      Effect.scoped,
      Effect.timeoutOrElse({
        duration: limit,
        orElse: () => Effect.fail(`it has not ended after ${Duration.format(limit)}`)
      }),
      Effect.mapError((error) => ConformanceFailure.make({ name, detail: String(error) })),
      Effect.catchDefect((defect) =>
        Effect.fail(ConformanceFailure.make({ name, detail: `it threw: ${String(defect)}` }))
      )
    ) as Effect.Effect<void, ConformanceFailure, R>
  }))

/**
 * The suite. The first eleven behaviours are those of Go's `golang.org/x/net/nettest` (BasicIO, PingPong, RacyRead,
 * RacyWrite, ReadTimeout, WriteTimeout, PastTimeout, PresentTimeout, FutureTimeout, CloseTimeout, ConcurrentMethods), with
 * deadlines as `Effect.timeout` and interruption; then frames and drivers, half-close, backpressure, FIN and RST, lingering, interruption of
 * every operation, ports, servers, and that nothing stays behind.
 *
 * Cases are independent of each other, but for `openHandles`: run them one by one if the factory has it.
 *
 * ```ts
 * import * as Conformance from "@effect-sockets/socket/testing/Conformance"
 * import * as MemoryNetwork from "@effect-sockets/socket/MemoryNetwork"
 * import { Effect } from "effect"
 * import * as NetAddress from "effect/net/NetAddress"
 * const address = NetAddress.inetAddressFromStringUnsafe("127.0.0.1:0")
 * const [first] = Conformance.cases(Conformance.overNetwork({ address }))
 * const exit = await Effect.runPromise(Effect.exit(first.run.pipe(Effect.provide(MemoryNetwork.layer()))))
 * exit._tag // => "Success"
 * ```
 *
 * @category running
 * @since 0.1.0
 */
export const cases = <R = never>(factory: Factory<R>): ReadonlyArray<Case<R>> => [
  ...toCases(Transfer.checks<R>(), factory),
  ...toCases(Frames.checks<R>(), factory),
  ...toCases(Deadlines.checks<R>(), factory),
  ...toCases(Ends.checks<R>(), factory),
  ...(factory.server === undefined ? [] : toCases(Servers.checks<R>(), factory))
]

/**
 * How `overNetwork` listens and connects.
 *
 * ```ts
 * import * as Conformance from "@effect-sockets/socket/testing/Conformance"
 * import * as MemoryNetwork from "@effect-sockets/socket/MemoryNetwork"
 * import * as NetAddress from "effect/net/NetAddress"
 * const options: Conformance.OverNetwork<MemoryNetwork.MemoryNetwork> = {
 *   address: NetAddress.inetAddressFromStringUnsafe("127.0.0.1:0"),
 *   openHandles: MemoryNetwork.descriptors
 * }
 * Conformance.overNetwork(options).openHandles === MemoryNetwork.descriptors // => true
 * ```
 *
 * @category models
 * @since 0.1.0
 */
export interface OverNetwork<R = never> extends Pick<Factory<R>, "signalsReset" | "maxBufferedBytes" | "openHandles"> {
  /** Where to listen: port 0 for any, or an effect that gives a fresh address each time. */
  readonly address: NetAddress.SocketAddress | Effect.Effect<NetAddress.SocketAddress, never, R>
  /** For every port: TLS, for example. */
  readonly listen?: ServerSocket.Options | undefined
  /** For every client. */
  readonly open?: SocketStream.OpenOptions | undefined
}

/**
 * A factory over the `Network` of the environment.
 *
 * ```ts
 * import * as Conformance from "@effect-sockets/socket/testing/Conformance"
 * import * as MemoryNetwork from "@effect-sockets/socket/MemoryNetwork"
 * import * as SocketStream from "@effect-sockets/socket/SocketStream"
 * import { Effect, Option } from "effect"
 * import * as NetAddress from "effect/net/NetAddress"
 * const address = NetAddress.inetAddressFromStringUnsafe("127.0.0.1:0")
 * const { pair } = Conformance.overNetwork({ address })
 * const line = Effect.flatMap(pair({}), ([client, server]) =>
 *   Effect.andThen(SocketStream.writeLine(client, "hello"), SocketStream.readLine(server)))
 * await Effect.runPromise(Effect.scoped(line).pipe(Effect.provide(MemoryNetwork.layer()))) // => Option.some("hello")
 * ```
 *
 * @category constructors
 * @since 0.1.0
 */
export const overNetwork = <R = never>(options: OverNetwork<R>): Factory<R | Network> => {
  const address: Effect.Effect<NetAddress.SocketAddress, never, R> = Effect.isEffect(options.address)
    ? options.address
    : Effect.succeed(options.address)
  const listen = (limits: ServerSocket.Options) =>
    Effect.flatMap(address, (address) => ServerSocket.listen(address, { ...options.listen, ...limits }))
  const open = (server: ServerSocket.ServerSocket, limits: SocketStream.Options) =>
    SocketStream.open(server.address, { ...options.open, ...limits })
  const pair = Effect.fnUntraced(function* (limits: SocketStream.Options) {
    const port = yield* listen(limits)
    const ends = yield* Scope.fork(yield* Effect.scope, "parallel")
    const accepting = yield* Effect.forkChild(Scope.provide(ServerSocket.accept(port), ends))
    const client = yield* Scope.provide(open(port, limits), ends)
    const pair: Pair = [client, yield* Fiber.join(accepting)]
    yield* ServerSocket.close(port)
    return pair
  })
  return {
    pair,
    server: { listen, open },
    signalsReset: options.signalsReset,
    maxBufferedBytes: options.maxBufferedBytes,
    openHandles: options.openHandles
  }
}
