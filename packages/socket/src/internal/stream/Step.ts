/**
 * An effect that is one call: mostly that does all there is to do, and gives an `Exit`. In a fiber it is what
 * `Effect.suspend` is; a driver makes the call itself, and needs no fiber for a step that ends at once.
 */
import type * as Effect from "effect/Effect"
import * as Effectable from "effect/Effectable"

export class Step<A, E> extends Effectable.Class<A, E> {
  /** What is left to do after the call. */
  readonly call: () => Effect.Effect<A, E>

  constructor(call: () => Effect.Effect<A, E>) {
    super()
    this.call = call
  }

  override asEffect(): Effect.Effect<A, E> {
    return this.call()
  }
}
