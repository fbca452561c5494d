/** A stream that a scope owns. */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Scope from "effect/Scope"
import { type Linked, LinkedList } from "../LinkedList.ts"
import type { Owner } from "./Owner.ts"
import type { StreamState } from "./StreamState.ts"

/** The streams of each scope that are not gone yet, in the order of their coming. */
const streamsOf = new WeakMap<Scope.Scope, LinkedList<Place>>()

/** The place of a stream in its scope, which owns it. A stream that ends before its scope leaves nothing behind in it. */
class Place implements Owner<StreamState>, Linked<Place> {
  previous: Place | undefined
  next: Place | undefined
  readonly awaitsIdle = false
  readonly stream: StreamState
  private readonly scope: Scope.Scope
  readonly own: Scope.Closeable
  private readonly streams: LinkedList<Place>

  constructor(stream: StreamState, scope: Scope.Scope, own: Scope.Closeable) {
    this.stream = stream
    this.scope = scope
    this.own = own
    this.streams = streamsOf.get(scope) ?? new LinkedList()
    streamsOf.set(scope, this.streams)
    this.streams.add(this)
    stream.handTo(this)
  }

  onIdle(): void {}
  onFinSent(): void {}
  onBroken(): void {}
  onGone(): void {
    // Only takes the child out of its parent: with the connection gone there is nothing left to release.
    void Scope.closeUnsafe(this.own, Exit.void)
    this.streams.remove(this)
    if (this.streams.size === 0 && streamsOf.get(this.scope) === this.streams) streamsOf.delete(this.scope)
  }

  /** Begins its end; that of the earliest lasts until all are gone. */
  release(exit: Exit.Exit<unknown, unknown>): Effect.Effect<void> {
    const { stream, streams } = this
    const isEarliest = streams.first === this
    if (Exit.isSuccess(exit)) stream.beginClose()
    else stream.abort()
    if (!isEarliest) return Effect.void
    if (streams.size === 1) return stream.awaitGone()
    return Effect.forEach(streams, (each) => each.stream.awaitGone(), { discard: true })
  }
}

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
    const place = new Place(stream, scope, Scope.forkUnsafe(scope))
    const release = (exit: Exit.Exit<unknown, unknown>) => Effect.suspend(() => place.release(exit))
    return Effect.as(Scope.addFinalizerExit(place.own, release), stream)
  })
