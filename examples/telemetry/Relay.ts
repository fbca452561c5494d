/** A relay: each client is connected with the same host, and both hear each other. */
import * as Server from "@effect-sockets/socket/Server"
import type * as ServerSocket from "@effect-sockets/socket/ServerSocket"
import * as SocketStream from "@effect-sockets/socket/SocketStream"
import * as Effect from "effect/Effect"

/** What one says the other hears, and its end, too. */
const pass = (from: SocketStream.SocketStream, to: SocketStream.SocketStream) =>
  Effect.andThen(SocketStream.copy(from, to), SocketStream.endWrite(to))

/** Serves until it is interrupted. */
export const serve = (listener: ServerSocket.ServerSocket, host: string, port: number) =>
  Server.serve(
    listener,
    Effect.fnUntraced(function* (client) {
      const upstream = yield* SocketStream.open(host, port, { connectTimeout: "10 seconds" })
      yield* Effect.all([pass(client, upstream), pass(upstream, client)], { concurrency: "unbounded" })
    }),
    { maxConnections: 1000 }
  )
