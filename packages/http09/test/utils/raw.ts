import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as net from "node:net"

/** What a raw client got: the bytes, and whether they ended with FIN or RST. */
export interface Answer {
  readonly bytes: Buffer
  readonly text: string
  readonly ending: "fin" | "reset"
}

/**
 * A connection of plain `node:net`, destroyed with the scope. A server that takes it and resets it at once may be
 * faster than the news that it is connected: that is a connection, and a reset.
 */
export const connect = (port: number, host = "127.0.0.1", localAddress?: string) =>
  Effect.acquireRelease(
    Effect.callback<net.Socket>((resume) => {
      const socket = net.connect({ port, host, localAddress, allowHalfOpen: true })
      socket.once("error", (error: NodeJS.ErrnoException) =>
        resume(error.code === "ECONNRESET" ? Effect.succeed(socket) : Effect.die(error))
      )
      socket.once("connect", () => resume(Effect.succeed(socket)))
    }),
    (socket) =>
      Effect.sync(() => {
        socket.on("error", () => {})
        socket.destroy()
      })
  )

/** Everything up to the end of input or the reset. */
export const collect = (socket: net.Socket): Effect.Effect<Answer> =>
  Effect.callback((resume) => {
    const chunks: Array<Buffer> = []
    const done = (ending: Answer["ending"]): void => {
      const bytes = Buffer.concat(chunks)
      resume(Effect.succeed({ bytes, text: bytes.toString(), ending }))
    }
    socket.on("data", (chunk: Buffer) => chunks.push(chunk))
    socket.on("end", () => done("fin"))
    socket.on("error", () => done("reset"))
    socket.on("close", () => done("reset"))
    if (socket.destroyed) done("reset")
    socket.resume()
  })

/** Sends the pieces to a host, a moment apart, and collects the answer. */
export const exchangeWith = (
  host: string,
  port: number,
  ...pieces: ReadonlyArray<string | Uint8Array>
): Effect.Effect<Answer> =>
  Effect.gen(function* () {
    const socket = yield* connect(port, host)
    const answer = yield* Effect.forkChild(collect(socket), { startImmediately: true })
    for (const [index, piece] of pieces.entries()) {
      if (index > 0) yield* Effect.sleep("10 millis")
      socket.write(piece)
    }
    return yield* Fiber.join(answer)
  }).pipe(Effect.scoped)

/** The same with 127.0.0.1. */
export const exchange = (port: number, ...pieces: ReadonlyArray<string | Uint8Array>): Effect.Effect<Answer> =>
  exchangeWith("127.0.0.1", port, ...pieces)
