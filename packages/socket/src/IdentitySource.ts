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

/** An identity that changes while a server runs. */
export type IdentitySource = Tls.IdentitySource

/** How a source tells of what went wrong after it had its first identity. */
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

/** How often an effect is asked, and who hears that it failed. */
export interface EffectOptions<E> extends Options<E> {
  /** How long to wait from one answer to the next question. Default 1 minute: a renewal has days. */
  readonly every?: Duration.Input | undefined
}

/**
 * A source that asks an effect again and again, for a certificate that a program fetches. A failure leaves the identity
 * that was there.
 *
 * **Errors**: the effect's, if it fails the first time; `Tls` if its identity cannot be used; `InvalidOption`.
 * **Interruption** interrupts the effect.
 */
export const fromEffect = <E, R>(
  identity: Effect.Effect<Tls.Identity, E, R>,
  options: EffectOptions<E> = {}
): Effect.Effect<IdentitySource, E | NetworkError, R | Network | Scope.Scope> => {
  const { every = "1 minute" } = options
  return following(identity, Stream.drop(Stream.tick(every), 1), options)
}

/** @internal A source that asks an effect first, and then each time that something says so. */
export const following = <E, R>(
  identity: Effect.Effect<Tls.Identity, E, R>,
  changes: Stream.Stream<unknown, never, R>,
  options: EffectOptions<E>
): Effect.Effect<IdentitySource, E | NetworkError, R | Network | Scope.Scope> =>
  Effect.gen(function* () {
    const invalid = find(options, { every: positiveDuration })
    if (invalid !== undefined) return yield* makeError("tls", subject, invalid)
    const source = new Source(yield* Effect.flatMap(identity, usable))
    const again = Effect.matchEffect(Effect.flatMap(identity, usable), {
      onFailure: reporting(options),
      onSuccess: (identity) => Effect.sync(() => source.set(identity))
    })
    yield* Effect.forkScoped(Stream.runForEach(changes, () => again))
    return source
  })
