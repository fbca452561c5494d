/**
 * The one guard between a transport and who uses it: what throws costs its own connection at most, is reported, and
 * never reaches the platform, where it would end the process.
 */
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import type { Connection } from "../Connection.ts"

/** Reports a defect. Without a receiver, or if that throws as well, it is logged. */
export const report = (cause: unknown, defect: ((cause: unknown) => void) | undefined): void => {
  try {
    if (defect !== undefined) return defect(cause)
  } catch (second) {
    cause = second
  }
  Effect.runFork(Effect.logError("A callback of a socket threw", Cause.die(cause)))
}

/** Hands a connection to its receiver. If that throws, the connection is reset. */
export const deliver = (
  connection: Connection,
  events: { connected(connection: Connection): void; defect(cause: unknown): void }
): void => {
  try {
    events.connected(connection)
  } catch (cause) {
    connection.reset()
    report(cause, (cause) => events.defect(cause))
  }
}

/** Runs a call whose failure no connection pays for. */
export const guard = (call: () => void, defect?: (cause: unknown) => void): void => {
  try {
    call()
  } catch (cause) {
    report(cause, defect)
  }
}
