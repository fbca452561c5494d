/** A stream over a connection without a transport. */
import * as Effect from "effect/Effect"
import * as SocketStream from "../../src/SocketStream.ts"
import { FakeConnection } from "./fakeConnection.ts"

/** The stream, and the connection that the test plays. */
export const fakeStream = Effect.fnUntraced(function* (
  options?: SocketStream.Options,
  { full = false, prompt = false } = {}
) {
  const connection = new FakeConnection()
  connection.full = full
  connection.prompt = prompt
  // Whatever the test leaves unsent goes when its scope closes.
  const self = yield* Effect.acquireRelease(SocketStream.make(connection, options), () =>
    Effect.sync(() => {
      connection.full = false
      connection.release()
    })
  )
  return [self, connection] as const
})
