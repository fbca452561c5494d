/** Handlers and clients for the tests of servers. */
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Server from "../../src/Server.ts"
import * as ServerSocket from "../../src/ServerSocket.ts"
import * as SocketStream from "../../src/SocketStream.ts"
import { portOf } from "./live.ts"
import { type PlainPeer, plainClient, until } from "./plain.ts"

/** Answers each line with the same line until the input ends. */
export const echo = Effect.fnUntraced(function* (stream: SocketStream.SocketStream) {
  for (;;) {
    const line = yield* SocketStream.readLine(stream)
    if (Option.isNone(line)) return
    yield* SocketStream.writeLine(stream, line.value)
  }
})

/** A server on a free port, and a way to connect to it. */
export const serving = Effect.fnUntraced(function* <R>(
  handler: Server.Handler<R>,
  options?: Server.Options<R>,
  listenOptions?: ServerSocket.Options
) {
  const listener = yield* ServerSocket.listen(0, listenOptions)
  const server = yield* Server.start(listener, handler, options)
  const port = portOf(listener)
  return { listener, server, port, connect: (peer?: Parameters<typeof plainClient>[1]) => plainClient(port, peer) }
})

/** Waits until the server handles so many connections. */
export const handling = (server: Server.Server, count: number): Effect.Effect<void> =>
  Effect.suspend(() =>
    Effect.flatMap(server.connections, (now) =>
      now === count ? Effect.void : Effect.andThen(Effect.sleep(2), handling(server, count))
    )
  )

/** Sends a line and waits for it to come back. */
export const ping = (peer: PlainPeer, line: string): Effect.Effect<void> =>
  Effect.suspend(() => {
    const before = peer.size
    peer.socket.write(`${line}\n`)
    return until(() => peer.size >= before + line.length + 2)
  })

/** How a connection ended for its peer: in order (FIN) or not (RST). */
export const endOf = (peer: PlainPeer): Effect.Effect<"FIN" | "RST"> =>
  Effect.map(
    until(() => peer.ended || peer.error !== undefined),
    () => (peer.error === undefined ? "FIN" : "RST")
  )

/** A handler that waits for the test, and says when it runs. */
export class Gate {
  running = 0
  most = 0
  readonly open = Deferred.makeUnsafe<void>()

  readonly handler = (): Effect.Effect<void> =>
    Effect.suspend(() => {
      this.running++
      this.most = Math.max(this.most, this.running)
      return Effect.ensuring(
        Deferred.await(this.open),
        Effect.sync(() => this.running--)
      )
    })
}
