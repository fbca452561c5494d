import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Scope from "effect/Scope"
import type { StreamCore } from "./StreamState.ts"

/** FIN after success, RST after anything else: a peer that takes the end of input for success must be able to tell. */
export const release = (core: StreamCore, exit: Exit.Exit<unknown, unknown>): Effect.Effect<void> =>
  Effect.suspend(() => {
    if (Exit.isSuccess(exit)) core.beginClose()
    else core.abort()
    return core.awaitGone()
  })

/** Gives the stream to the scope. A stream that ends before its scope leaves nothing behind in it. */
export const own = (core: StreamCore, scope: Scope.Scope): Effect.Effect<StreamCore> => {
  if (core.gone) return Effect.succeed(core)
  const child = Scope.forkUnsafe(scope)
  core.onClosed = () => {
    // Only takes the child out of its parent: with the connection gone there is nothing left to release.
    void Scope.closeUnsafe(child, Exit.void)
  }
  return Effect.as(
    Scope.addFinalizerExit(child, (exit) => release(core, exit)),
    core
  )
}
