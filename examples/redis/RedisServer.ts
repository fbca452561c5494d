/** A mini Redis: RESP2, pipelining, and seven commands. */
import * as Server from "@effect-sockets/socket/Server"
import type * as ServerSocket from "@effect-sockets/socket/ServerSocket"
import * as SocketStream from "@effect-sockets/socket/SocketStream"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import { command, error, format } from "./Resp.ts"
import { Store } from "./Store.ts"

/** Answers commands on one connection, in their order, up to its end or to what is no command. */
const handler = (store: Store) => (stream: SocketStream.SocketStream) =>
  SocketStream.forEachFrame(stream, command, (words) =>
    words.length === 0 ? Effect.void : SocketStream.write(stream, format(store.run(words)))
  ).pipe(
    Effect.catchTag("NetworkError", (failure) =>
      failure.reason._tag === "InvalidFrame" || failure.reason._tag === "FrameTooLong"
        ? SocketStream.write(stream, format(error("ERR Protocol error")))
        : Effect.fail(failure)
    )
  )

/** Serves until it is interrupted. */
export const serve = (listener: ServerSocket.ServerSocket) =>
  Clock.clockWith((clock) =>
    Server.serve(listener, handler(new Store(() => clock.currentTimeMillisUnsafe())), { maxConnections: 10_000 })
  )
