/** A relay in front of a port that changes bytes on their way. */
import * as Effect from "effect/Effect"
import * as Net from "node:net"

export interface Tampering {
  readonly port: number
  /** The next bytes towards the server, or the client, have their last bit turned. */
  next: "server" | "client" | undefined
}

/** The scope closes it, with all that it relays. */
export const tampering = (port: number) => {
  const sockets = new Set<Net.Socket>()
  const state = { port: 0, next: undefined as Tampering["next"] }
  const pass = (from: Net.Socket, to: Net.Socket, name: "server" | "client"): void => {
    sockets.add(from)
    from.on("error", () => to.destroy())
    from.on("data", (chunk: Buffer) => {
      if (state.next === name) {
        state.next = undefined
        chunk[chunk.length - 1] ^= 1
      }
      to.write(chunk)
    })
    from.on("end", () => to.end())
    from.on("close", () => sockets.delete(from))
  }
  const server = Net.createServer({ allowHalfOpen: true }, (near) => {
    const far = Net.connect({ port, host: "127.0.0.1", allowHalfOpen: true })
    pass(near, far, "server")
    pass(far, near, "client")
  })
  return Effect.acquireRelease(
    Effect.callback<Tampering>((resume) => {
      server.listen(0, "127.0.0.1", () => {
        const address = server.address()
        if (typeof address === "object" && address !== null) state.port = address.port
        resume(Effect.succeed(state))
      })
    }),
    () =>
      Effect.callback<void>((resume) => {
        for (const socket of sockets) socket.destroy()
        server.close(() => resume(Effect.void))
      })
  )
}
