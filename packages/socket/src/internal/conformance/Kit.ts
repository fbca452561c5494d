/** What the cases of the conformance suite are made of. It knows no test runner. */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Option from "effect/Option"
import type * as Scope from "effect/Scope"
import type * as ServerSocket from "../../ServerSocket.ts"
import { isNetworkError, type Reason, type NetworkError } from "../../NetworkError.ts"
import * as SocketStream from "../../SocketStream.ts"

/**
 * Both ends of one connection.
 *
 * ```ts
 * import * as Conformance from "@effect-sockets/socket/testing/Conformance"
 * import type * as SocketStream from "@effect-sockets/socket/SocketStream"
 * const turned = ([client, server]: Conformance.Pair): Conformance.Pair => [server, client]
 * turned.length // => 1
 * ```
 *
 * @category models
 * @since 0.1.0
 */
export type Pair = readonly [client: SocketStream.SocketStream, server: SocketStream.SocketStream]

/**
 * How the suite gets the streams that it certifies.
 *
 * ```ts
 * import * as Conformance from "@effect-sockets/socket/testing/Conformance"
 * import { Effect } from "effect"
 * const factory: Conformance.Factory = { pair: () => Effect.fail("no transport yet") }
 * const failure = await Effect.runPromise(Effect.flip(Conformance.cases(factory)[0].run))
 * failure.detail.includes("no transport yet") // => true
 * ```
 *
 * @category models
 * @since 0.1.0
 */
export interface Factory<R = never> {
  /** A connected pair. The scope owns both ends, and closes them at the same time. */
  readonly pair: (options: SocketStream.Options) => Effect.Effect<Pair, unknown, R | Scope.Scope>
  /** Ports, for a transport that has them: their cases are left out otherwise. */
  readonly server?:
    | {
        /** A port at any free address. */
        readonly listen: (
          options: ServerSocket.Options
        ) => Effect.Effect<ServerSocket.ServerSocket, unknown, R | Scope.Scope>
        /** A client of that port. */
        readonly open: (
          server: ServerSocket.ServerSocket,
          options: SocketStream.Options
        ) => Effect.Effect<SocketStream.SocketStream, unknown, R | Scope.Scope>
      }
    | undefined
  /**
   * Whether a cut connection shows its peer `ConnectionReset`. Without it (Unix-domain sockets), an end of input passes
   * too. Default `true`.
   */
  readonly signalsReset?: boolean | undefined
  /** Bytes that the transport itself may hold in each direction, besides the streams' marks. Default 32 MiB. */
  readonly maxBufferedBytes?: number | undefined
  /** What is held of the transport now, descriptors for example: the same value after a connection as before it. */
  readonly openHandles?: Effect.Effect<unknown, never, R> | undefined
}

/** A case before it has its time limit: it fails with anything that explains itself as text. */
export type Check<R> = (factory: Factory<R>) => Effect.Effect<void, unknown, R | Scope.Scope>

export type Checks<R> = { readonly [claim: string]: Check<R> }

export const ensure = (holds: boolean, detail: string): Effect.Effect<void, string> =>
  holds ? Effect.void : Effect.fail(detail)

const show = (value: unknown): string =>
  Option.isOption(value)
    ? Option.match(value, { onNone: () => "none", onSome: (inner) => `some ${show(inner)}` })
    : value instanceof Uint8Array
      ? `${value.length} bytes`
      : JSON.stringify(value)

export const same = (actual: unknown, expected: unknown, what: string): Effect.Effect<void, string> =>
  ensure(show(actual) === show(expected), `${what}: ${show(actual)} instead of ${show(expected)}`)

export const sameBytes = (actual: Uint8Array, expected: Uint8Array, what: string): Effect.Effect<void, string> => {
  const differs = expected.findIndex((byte, at) => byte !== actual[at])
  return differs === -1 && actual.length === expected.length
    ? Effect.void
    : Effect.fail(`${what}: ${actual.length} bytes instead of ${expected.length}, different from byte ${differs}`)
}

/** The effect must fail for one of these reasons. */
export const failsWith = <A, R>(
  effect: Effect.Effect<A, unknown, R>,
  reasons: ReadonlyArray<Reason["_tag"]>,
  what: string
): Effect.Effect<void, string, R> =>
  Effect.matchEffect(effect, {
    onSuccess: (value) => Effect.fail(`${what}: ${show(value)} instead of ${reasons.join(" or ")}`),
    onFailure: (error) =>
      isNetworkError(error) && reasons.includes(error.reason._tag)
        ? Effect.void
        : Effect.fail(`${what}: ${String(error)} instead of ${reasons.join(" or ")}`)
  })

/** How a cut connection shows itself to a reader: as a reset, or on a transport without resets also as an end of input. */
export const isCut = <R>(
  factory: Factory<R>,
  read: Effect.Effect<unknown, NetworkError>,
  what: string
): Effect.Effect<void, string> =>
  factory.signalsReset === false ? Effect.asVoid(Effect.exit(read)) : failsWith(read, ["ConnectionReset"], what)

export const start = <A, E, R>(effect: Effect.Effect<A, E, R>): Effect.Effect<Fiber.Fiber<A, E>, never, R> =>
  Effect.forkChild(effect, { startImmediately: true })

/** Long enough for an operation to have ended that does not wait. */
const moment = 30

/** Starts what must wait. */
export const blocked = <A, E, R>(effect: Effect.Effect<A, E, R>, what: string) =>
  Effect.gen(function* () {
    const fiber = yield* start(effect)
    yield* Effect.sleep(moment)
    yield* ensure(fiber.pollUnsafe() === undefined, `${what} did not wait`)
    return fiber
  })

/** What must end now, and at most takes a few seconds of a busy machine. */
export const soon = <A, E, R>(effect: Effect.Effect<A, E, R>, what: string): Effect.Effect<A, E | string, R> =>
  Effect.timeoutOrElse(effect, { duration: 5000, orElse: () => Effect.fail(`${what} did not end`) })

export const interrupted = <A, E>(fiber: Fiber.Fiber<A, E>, what: string): Effect.Effect<void, string> =>
  soon(Fiber.interrupt(fiber), `${what}, interrupted,`)

/** Looks again until the value is as expected. */
export const eventually = <R>(
  value: Effect.Effect<unknown, unknown, R>,
  expected: unknown,
  what: string
): Effect.Effect<void, unknown, R> => {
  const look = (left: number): Effect.Effect<void, unknown, R> =>
    Effect.flatMap(value, (actual) =>
      left === 0 || show(actual) === show(expected)
        ? same(actual, expected, what)
        : Effect.andThen(Effect.sleep(10), look(left - 1))
    )
  return look(300)
}

const encoder = new TextEncoder()
const decoder = new TextDecoder()

export const bytes = (text: string): Uint8Array => encoder.encode(text)
export const text = (bytes: Uint8Array): string => decoder.decode(bytes)

/** Bytes that tell their place, for sixteen megabytes. */
export const pattern = (count: number, from = 0): Uint8Array => {
  const data = new Uint8Array(count)
  for (let i = 0; i < count; i++) {
    const at = from + i
    data[i] = (at * 31 + (at >>> 8) * 7 + (at >>> 16) * 13) & 255
  }
  return data
}

/** What `fill` writes at a time. */
export const chunkSize = 64 * 1024

/** Long enough for a transport to take all that it will take without a reader. */
const stall = 250

/**
 * Writes until a write has waited for too long: how many bytes were taken. The write that waited sent nothing. `buffers`
 * says how many times over the transport may hold what it may hold in one direction.
 */
export const fill = Effect.fnUntraced(function* <R>(
  factory: Factory<R>,
  stream: SocketStream.SocketStream,
  content = pattern,
  buffers = 1
) {
  const limit = buffers * ((factory.maxBufferedBytes ?? 32 * 1024 * 1024) + 4 * chunkSize)
  let taken = 0
  while (Option.isSome(yield* Effect.timeoutOption(SocketStream.write(stream, content(chunkSize, taken)), stall))) {
    taken += chunkSize
    yield* ensure(taken <= limit, `${taken} bytes were taken without a reader`)
  }
  return taken
})

/** A mark below what `receive` leaves unread, so that the rest waits in the transport. */
export const smallMark = 1000

/**
 * Reads a reply whose sender has closed, but for its end; then says more, which nobody wants; and only then reads the
 * end: it must be there. A sender that does not linger answers late input with a reset, which destroys what is unread.
 */
export const receive = Effect.fnUntraced(function* (stream: SocketStream.SocketStream, reply: Uint8Array) {
  const size = reply.length - 100_000
  yield* sameBytes(yield* SocketStream.readExactly(stream, size), reply.subarray(0, size), "the reply")
  for (let i = 0; i < 5; i++) {
    yield* Effect.sleep(20)
    yield* Effect.ignore(SocketStream.write(stream, "late"))
  }
  const rest = yield* Effect.exit(SocketStream.readAll(stream))
  yield* ensure(Exit.isSuccess(rest), `the end of the reply: ${String(rest)}`)
  if (Exit.isSuccess(rest)) yield* sameBytes(rest.value, reply.subarray(size), "the end of the reply")
})

/** Runs the check in both directions, on two connections at the same time. */
export const bothWays =
  <R>(
    options: SocketStream.Options,
    check: (
      near: SocketStream.SocketStream,
      far: SocketStream.SocketStream
    ) => Effect.Effect<void, unknown, Scope.Scope>
  ): Check<R> =>
  ({ pair }) =>
    Effect.all(
      [
        Effect.flatMap(pair(options), ([client, server]) =>
          Effect.mapError(check(client, server), (error) => `client to server: ${String(error)}`)
        ),
        Effect.flatMap(pair(options), ([client, server]) =>
          Effect.mapError(check(server, client), (error) => `server to client: ${String(error)}`)
        )
      ],
      { concurrency: "unbounded", discard: true }
    )
