/** Effect's own socket as a client. */
import * as NodeSocket from "@effect/platform-node/NodeSocket"
import * as Effect from "effect/Effect"
import { connectInLoops } from "./loops.ts"

const once = Effect.fnUntraced(function* (port: number) {
  const socket = yield* NodeSocket.makeNet({ port, host: "127.0.0.1", noDelay: true })
  const { pull } = yield* socket.reader
  return yield* Effect.forever(pull)
}, Effect.scoped)

/** The end of input is a failure there, as a refused connection is. */
const loop = (port: number) =>
  Effect.forever(Effect.catchReason(once(port), "SocketError", "SocketCloseError", () => Effect.void))

await connectInLoops((port) => Effect.runPromise(loop(port)))
