/**
 * Certificates that change while a server runs. A source follows a stream or an effect; each new handshake takes its
 * current identity, connections that are open stay as they are. An identity that cannot be used (it is cut off, or its key
 * is another certificate's) is reported, and the one before serves on.
 *
 * `NodeIdentity` follows the files of a renewal tool.
 */
import * as Deferred from "effect/Deferred"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import { find, positiveDuration } from "@effect-sockets/resolver/InvalidOption"
import { Network } from "./Network.ts"
import { make as makeError, type NetworkError } from "./NetworkError.ts"
import type * as Tls from "./Tls.ts"

/**
 * An identity that changes while a server runs: `Tls.ServerOptions.identity`, and each of `identities`, takes one.
 *
 * ```ts
 * import type { IdentitySource } from "@effect-sockets/socket/IdentitySource"
 * const fixed: IdentitySource = { current: () => ({ cert: "of May", key: "1" }) }
 * fixed.current().cert // => "of May"
 * ```
 *
 * @category models
 * @since 0.1.0
 */
export type IdentitySource = Tls.IdentitySource

/**
 * How a source tells of what went wrong after it had its first identity.
 *
 * ```ts
 * import { Effect } from "effect"
 * import type * as IdentitySource from "@effect-sockets/socket/IdentitySource"
 * const options: IdentitySource.Options<never> = { onError: (error) => Effect.logError(error.message) }
 * typeof options.onError // => "function"
 * ```
 *
 * @category options
 * @since 0.1.0
 */
export interface Options<E> {
  /** Hears why an identity was not taken, or that there will be no more. Default: a warning in the log. */
  readonly onError?: ((error: E | NetworkError) => Effect.Effect<void>) | undefined
}

class Source implements Tls.IdentitySource {
  private identity: Tls.Identity

  constructor(identity: Tls.Identity) {
    this.identity = identity
  }

  current(): Tls.Identity {
    return this.identity
  }

  set(identity: Tls.Identity): void {
    // The same one again would be parsed again.
    if (identity.cert !== this.identity.cert || identity.key !== this.identity.key) this.identity = identity
  }
}

/** Errors name no address: an identity is not one server's. */
const subject = "identity"

/** The identity, if the network's TLS can use it. */
const usable = (identity: Tls.Identity): Effect.Effect<Tls.Identity, NetworkError, Network> =>
  Network.use(({ checkTls }) => {
    // As an object of its own: what was looked at is remembered by the object.
    const outcome = checkTls?.({ identity: { cert: identity.cert, key: identity.key } }) ?? Result.succeed(undefined)
    return Result.isSuccess(outcome)
      ? Effect.succeed(identity)
      : Effect.fail(makeError("tls", subject, outcome.failure))
  })

const reporting =
  <E>({ onError }: Options<E>) =>
  (error: E | NetworkError): Effect.Effect<void> =>
    onError === undefined ? Effect.logWarning("A certificate was not taken", error) : onError(error)

/**
 * A source that follows a stream, from its first identity on. It ends with the scope; when the stream ends, the last
 * identity stays.
 *
 * **Errors**: the stream's, if it fails before its first identity; `Tls` if that cannot be used or there is none. Later
 * ones go to `onError`. **Interruption** ends the stream.
 *
 * ```ts
 * import { Effect, Stream } from "effect"
 * import * as IdentitySource from "@effect-sockets/socket/IdentitySource"
 * import * as MemoryNetwork from "@effect-sockets/socket/MemoryNetwork"
 * const program = Effect.gen(function* () {
 *   const source = yield* IdentitySource.fromStream(Stream.make({ cert: "of May", key: "1" }, { cert: "of June", key: "2" }))
 *   yield* Effect.sleep(10)
 *   return source.current().cert
 * }).pipe(Effect.scoped, Effect.provide(MemoryNetwork.layer()))
 * await Effect.runPromise(program) // => "of June"
 * ```
 *
 * @category constructors
 * @since 0.1.0
 */
export const fromStream = <E, R>(
  identities: Stream.Stream<Tls.Identity, E, R>,
  options: Options<E> = {}
): Effect.Effect<IdentitySource, E | NetworkError, R | Network | Scope.Scope> =>
  Effect.gen(function* () {
    const first = Deferred.makeUnsafe<Source, E | NetworkError>()
    const report = reporting(options)
    let source: Source | undefined
    const fail = (error: E | NetworkError): Effect.Effect<void> =>
      source === undefined ? Effect.asVoid(Deferred.fail(first, error)) : report(error)
    const take = (identity: Tls.Identity): Effect.Effect<void> => {
      if (source !== undefined) return Effect.sync(() => source?.set(identity))
      source = new Source(identity)
      return Effect.asVoid(Deferred.succeed(first, source))
    }
    const none = makeError("tls", subject, { _tag: "Tls", code: "NO_IDENTITY", detail: "the stream has no identity" })
    yield* Stream.runForEach(identities, (identity) =>
      Effect.matchEffect(usable(identity), { onFailure: fail, onSuccess: take })
    ).pipe(
      Effect.matchEffect({
        onFailure: fail,
        onSuccess: () => (source === undefined ? fail(none) : Effect.void)
      }),
      Effect.forkScoped
    )
    return yield* Deferred.await(first)
  })

/**
 * When an effect is asked again, and who hears that it failed.
 *
 * ```ts
 * import { Effect, Stream } from "effect"
 * import type * as IdentitySource from "@effect-sockets/socket/IdentitySource"
 * const options: IdentitySource.EffectOptions<never> = { every: "1 hour", changes: Stream.make("renewed") }
 * options.every // => "1 hour"
 * ```
 *
 * @category options
 * @since 0.1.0
 */
export interface EffectOptions<E> extends Options<E> {
  /** How long to wait from one question to the next. Default 1 minute: a renewal has days. */
  readonly every?: Duration.Input | undefined
  /** Asked as well each time that this has an element. Default: never. */
  readonly changes?: Stream.Stream<unknown> | undefined
}

/**
 * A source that asks an effect again and again, for a certificate that a program fetches. A failure leaves the identity
 * that was there.
 *
 * **Errors**: the effect's, if it fails the first time; `Tls` if its identity cannot be used; `InvalidOption`.
 * **Interruption** interrupts the effect.
 *
 * ```ts
 * import { Effect } from "effect"
 * import * as IdentitySource from "@effect-sockets/socket/IdentitySource"
 * import * as MemoryNetwork from "@effect-sockets/socket/MemoryNetwork"
 * let renewals = 0
 * const fetched = Effect.sync(() => ({ cert: `number ${++renewals}`, key: "k" }))
 * const program = Effect.gen(function* () {
 *   const source = yield* IdentitySource.fromEffect(fetched, { every: "5 millis" })
 *   while (source.current().cert === "number 1") yield* Effect.sleep(5)
 *   return renewals > 1
 * }).pipe(Effect.scoped, Effect.provide(MemoryNetwork.layer()))
 * await Effect.runPromise(program) // => true
 * ```
 *
 * @category constructors
 * @since 0.1.0
 */
export const fromEffect = <E, R>(
  identity: Effect.Effect<Tls.Identity, E, R>,
  options: EffectOptions<E> = {}
): Effect.Effect<IdentitySource, E | NetworkError, R | Network | Scope.Scope> =>
  Effect.gen(function* () {
    const invalid = find(options, { every: positiveDuration })
    if (invalid !== undefined) return yield* makeError("tls", subject, invalid)
    const source = new Source(yield* Effect.flatMap(identity, usable))
    const again = Effect.matchEffect(Effect.flatMap(identity, usable), {
      onFailure: reporting(options),
      onSuccess: (identity) => Effect.sync(() => source.set(identity))
    })
    const asked = Stream.drop(Stream.tick(options.every ?? "1 minute"), 1)
    const { changes = Stream.empty } = options
    yield* Effect.forkScoped(Stream.runForEach(Stream.merge(asked, changes), () => again))
    return source
  })
