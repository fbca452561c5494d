/** A stream that a scope owns. */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Scope from "effect/Scope"
import type { Owner } from "./Owner.ts"
import type { StreamState } from "./StreamState.ts"

/** The streams of one scope: those that are open, and a finalizer of the scope that waits for the ends of all. */
interface Streams {
  readonly open: Set<StreamState>
  readonly waiting: Scope.Closeable
}

const streamsOf = new WeakMap<Scope.Scope, Streams>()

/**
 * When the scope closes, each stream begins its end in its turn, and the scope waits for all of them last: many silent
 * peers linger side by side, and cost no more than one.
 */
const register = (scope: Scope.Scope): Effect.Effect<Streams> =>
  Effect.suspend(() => {
    const known = streamsOf.get(scope)
    if (known !== undefined) return Effect.succeed(known)
    const streams: Streams = { open: new Set(), waiting: Scope.forkUnsafe(scope) }
    streamsOf.set(scope, streams)
    const all = Effect.suspend(() =>
      Effect.forEach([...streams.open], (stream) => stream.awaitGone(), { discard: true })
    )
    return Effect.as(Scope.addFinalizer(streams.waiting, all), streams)
  })

/** A closed scope that has nothing to release only leaves its parent. */
const leave = (scope: Scope.Closeable): void => {
  void Scope.closeUnsafe(scope, Exit.void)
}

/** The scope, as an owner. A stream that ends before its scope leaves nothing behind in it. */
const ownerIn = (scope: Scope.Scope, streams: Streams, own: Scope.Closeable): Owner<StreamState> => ({
  awaitsIdle: false,
  onIdle() {},
  onBroken() {},
  onGone(stream) {
    leave(own)
    streams.open.delete(stream)
    if (streams.open.size > 0 || streamsOf.get(scope) !== streams) return
    streamsOf.delete(scope)
    leave(streams.waiting)
  }
})

/**
 * Gives the stream to the scope: FIN after success, RST after anything else. A peer that takes the end of input for
 * success must be able to tell.
 */
export const scoped = (stream: StreamState, scope: Scope.Scope): Effect.Effect<StreamState> => {
  if (stream.gone) return Effect.succeed(stream)
  return Effect.flatMap(register(scope), (streams) => {
    const own = Scope.forkUnsafe(scope)
    streams.open.add(stream)
    stream.handTo(ownerIn(scope, streams, own))
    const release = (exit: Exit.Exit<unknown, unknown>) =>
      Effect.sync(() => {
        if (Exit.isSuccess(exit)) stream.beginClose()
        else stream.abort()
      })
    const given = Effect.as(Scope.addFinalizerExit(own, release), stream)
    // A scope that is closed already has done its waiting.
    return scope.state._tag === "Closed" ? Effect.tap(given, stream.awaitGone()) : given
  })
}
