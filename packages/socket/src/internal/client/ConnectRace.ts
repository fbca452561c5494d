/**
 * From a host to one connection. The race is RFC 8305's, over nothing but `Network.connect` and the clock.
 */
import { type HostInput, Resolver } from "@effect-sockets/resolver/Resolver"
import * as Deferred from "effect/Deferred"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as NetAddress from "effect/net/NetAddress"
import * as Scope from "effect/Scope"
import type { Connection } from "../../Connection.ts"
import { type ConnectOptions, Network } from "../../Network.ts"
import { type Reason, NetworkError } from "../../NetworkError.ts"

export interface RaceOptions extends ConnectOptions {
  /** How long everything may take, resolution and all attempts together. Default 30 seconds. */
  readonly connectTimeout?: Duration.Input | undefined
  /** How long an attempt has the field to itself. Default 250 ms, as RFC 8305, section 5, recommends. */
  readonly attemptDelay?: Duration.Input | undefined
}

const defaultTimeout = Duration.seconds(30)
const defaultDelay = Duration.millis(250)

/** The state of one race. Whoever reads `winner` after the race owns that connection. */
interface Race {
  /** The target as the caller named it. */
  readonly target: string
  readonly attempts: Array<{ readonly address: NetAddress.SocketAddress; error?: NetworkError }>
  winner: Connection | undefined
}

const failure = (race: Race, reason: Reason): NetworkError => {
  const attempts = race.attempts.map(
    ({ address, error }) =>
      error ?? NetworkError.make({ operation: "connect", address: NetAddress.formatSocketAddress(address), reason })
  )
  return NetworkError.make({
    operation: "open",
    address: race.target,
    reason,
    ...(attempts.length === 0 ? {} : { attempts })
  })
}

/** Brackets keep an IPv6 host and its port apart. */
const label = (host: HostInput, port: number): string => {
  const text = typeof host === "object" ? NetAddress.formatIp(host) : String(host)
  return text.includes(":") ? `[${text}]:${port}` : `${text}:${port}`
}

const isPort = (port: number): boolean => Number.isInteger(port) && port >= 1 && port <= 65_535

const resolve = (race: Race, host: HostInput, port: number) =>
  isPort(port)
    ? Resolver.use((resolver) =>
        Effect.mapBoth(resolver.lookup(host), {
          onSuccess: (addresses) => addresses.map((address) => NetAddress.inetAddressUnsafe(address, port)),
          onFailure: (error) => failure(race, { _tag: "Resolution", error })
        })
      )
    : Effect.fail(failure(race, { _tag: "InvalidAddress", detail: `port ${port} is not an integer from 1 to 65535` }))

/** Starts an attempt for each address in turn until one wins; `scope` ends the others. */
const run = Effect.fnUntraced(function* (
  race: Race,
  addresses: ReadonlyArray<NetAddress.SocketAddress>,
  options: RaceOptions,
  scope: Scope.Scope
) {
  const network = yield* Network
  const finished = Deferred.makeUnsafe<void>()
  let unsettled = addresses.length
  for (const address of addresses) {
    const attempt: Race["attempts"][number] = { address }
    race.attempts.push(attempt)
    const failed = Deferred.makeUnsafe<void>()
    yield* network.connect(address, options).pipe(
      Effect.match({
        onSuccess: (connection) => {
          if (race.winner === undefined) race.winner = connection
          else connection.destroy()
          Deferred.doneUnsafe(finished, Exit.void)
        },
        onFailure: (error) => {
          attempt.error = error
          unsettled--
          Deferred.doneUnsafe(failed, Exit.void)
          if (unsettled === 0) Deferred.doneUnsafe(finished, Exit.void)
        }
      }),
      Effect.forkIn(scope, { startImmediately: true })
    )
    const turn = Effect.raceFirst(Deferred.await(failed), Deferred.await(finished))
    yield* Effect.timeoutOption(turn, options.attemptDelay ?? defaultDelay)
    if (race.winner !== undefined) return
  }
  yield* Deferred.await(finished)
})

/**
 * One connection to the target. The caller owns it, from the moment at which this effect succeeds.
 *
 * **Interruption** closes every attempt.
 */
export const connect = (
  target: { readonly host: HostInput; readonly port: number } | NetAddress.SocketAddress,
  options: RaceOptions
): Effect.Effect<Connection, NetworkError, Network | Resolver> =>
  Effect.suspend(() => {
    const isAddress = NetAddress.isSocketAddress(target)
    const race: Race = {
      target: isAddress ? NetAddress.formatSocketAddress(target) : label(target.host, target.port),
      attempts: [],
      winner: undefined
    }
    const timeout = options.connectTimeout ?? defaultTimeout
    return Effect.scopedWith((scope) =>
      Effect.flatMap(isAddress ? Effect.succeed([target]) : resolve(race, target.host, target.port), (addresses) =>
        run(race, addresses, options, scope)
      )
    ).pipe(
      Effect.timeoutOrElse({
        duration: timeout,
        orElse: () =>
          race.winner === undefined
            ? Effect.fail(failure(race, { _tag: "TimedOut", millis: Duration.toMillis(timeout) }))
            : Effect.void
      }),
      Effect.flatMap(() => {
        if (race.winner !== undefined) return Effect.succeed(race.winner)
        const last = race.attempts.at(-1)?.error
        return Effect.fail(failure(race, last?.reason ?? { _tag: "AddressNotAvailable" }))
      }),
      Effect.onExit((exit) =>
        Effect.sync(() => {
          if (Exit.isFailure(exit)) race.winner?.destroy()
        })
      )
    )
  })
