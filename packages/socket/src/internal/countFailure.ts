/** Failures as metrics. */
import * as Cause from "effect/Cause"
import type * as Context from "effect/Context"
import * as Option from "effect/Option"
import type { NetworkError } from "../NetworkError.ts"
import type { ByReason } from "../SocketMetrics.ts"

/** Counts a failure by its reason. An interruption is none. */
export const countFailure = (
  counters: ByReason,
  cause: Cause.Cause<NetworkError>,
  context: Context.Context<never>
): void => {
  const error = Cause.findErrorOption(cause)
  if (Option.isSome(error)) counters[error.value.reason._tag].updateUnsafe(1, context)
}
