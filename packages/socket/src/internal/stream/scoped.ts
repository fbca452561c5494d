/** A stream that a scope owns. */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Scope from "effect/Scope"
import type { Owner } from "./Owner.ts"
import type { StreamState } from "./StreamState.ts"

/** The streams of each scope that are not gone yet, in the order of their coming. */
const streamsOf = new WeakMap<Scope.Scope, Set<StreamState>>()

/** The scope, as an owner. A stream that ends before its scope leaves nothing behind in it. */
const ownerIn = (scope: Scope.Scope, streams: Set<StreamState>, own: Scope.Closeable): Owner<StreamState> => ({
  awaitsIdle: false,
  onIdle() {},
  onFinSent() {},
  onBroken() {},
  onGone(stream) {
    // Only takes the child out of its parent: with the connection gone there is nothing left to release.
    void Scope.closeUnsafe(own, Exit.void)
    streams.delete(stream)
    if (streams.size === 0 && streamsOf.get(scope) === streams) streamsOf.delete(scope)
  }
})

/**
 * Gives the stream to the scope: FIN after success, RST after anything else. A peer that takes the end of input for
 * success must be able to tell.
 *
 * When the scope closes, each stream begins its end in its turn, the latest first, and the turn of the earliest lasts
 * until all are gone: many silent peers linger side by side, and cost no more than one.
 */
export const scoped = (stream: StreamState, scope: Scope.Scope): Effect.Effect<StreamState> =>
  Effect.suspend(() => {
    if (stream.gone) return Effect.succeed(stream)
    const streams = streamsOf.get(scope) ?? new Set()
    streamsOf.set(scope, streams)
    streams.add(stream)
    const own = Scope.forkUnsafe(scope)
    stream.handTo(ownerIn(scope, streams, own))
    const release = (exit: Exit.Exit<unknown, unknown>) =>
      Effect.suspend(() => {
        const [earliest] = streams
        if (Exit.isSuccess(exit)) stream.beginClose()
        else stream.abort()
        if (earliest !== stream) return Effect.void
        if (streams.size === 1) return stream.awaitGone()
        return Effect.forEach(Array.from(streams), (each) => each.awaitGone(), { discard: true })
      })
    return Effect.as(Scope.addFinalizerExit(own, release), stream)
  })
