/** Peers made of plain node:net, which know nothing of this package. */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import * as Net from "node:net"

/** What a plain peer saw. */
export class PlainPeer {
  readonly socket: Net.Socket
  readonly chunks: Array<Uint8Array> = []
  /** FIN came. */
  ended = false
  /** The code of the error that ended it. */
  error: string | undefined

  /** `reads` is false for a peer that never reads. */
  constructor(socket: Net.Socket, reads: boolean) {
    this.socket = socket
    socket.setNoDelay(true)
    socket.on("error", (error) => {
      this.error = "code" in error ? String(error.code) : error.message
    })
    socket.on("end", () => {
      this.ended = true
    })
    if (reads) socket.on("data", (chunk) => typeof chunk === "string" || this.chunks.push(chunk))
    else socket.pause()
  }

  get received(): Uint8Array {
    return Buffer.concat(this.chunks)
  }

  get size(): number {
    return this.chunks.reduce((sum, chunk) => sum + chunk.length, 0)
  }

  get text(): string {
    return new TextDecoder().decode(this.received)
  }
}

/** Waits until `condition` holds; the test's own time limit bounds it. */
export const until = (condition: () => boolean): Effect.Effect<void> =>
  Effect.suspend(() => (condition() ? Effect.void : Effect.andThen(Effect.sleep(2), until(condition))))

const destroyed = (socket: Net.Socket): Effect.Effect<void> =>
  Effect.callback((resume) => {
    if (socket.closed) return resume(Effect.void)
    socket.once("close", () => resume(Effect.void))
    socket.destroy()
  })

/** A plain client. The scope destroys it. Unless it is `halfOpen`, it answers FIN with FIN. */
export const plainClient = (
  port: number,
  {
    reads = true,
    host = "127.0.0.1",
    halfOpen = false,
    localAddress
  }: {
    readonly reads?: boolean
    readonly host?: string
    readonly halfOpen?: boolean
    readonly localAddress?: string
  } = {}
) =>
  Effect.acquireRelease(
    Effect.callback<PlainPeer, Error>((resume) => {
      const socket = Net.connect({
        host,
        port,
        allowHalfOpen: halfOpen,
        ...(localAddress === undefined ? {} : { localAddress })
      })
      socket.once("error", (error) => resume(Effect.fail(error)))
      socket.once("connect", () => resume(Effect.succeed(new PlainPeer(socket, reads))))
    }),
    (peer) => destroyed(peer.socket)
  )

/** A plain server. The scope closes it with all its connections. Unless it is `halfOpen`, it answers FIN with FIN. */
export const plainServer = ({
  host = "127.0.0.1",
  reads = true,
  halfOpen = false,
  onPeer
}: {
  readonly host?: string
  readonly reads?: boolean
  readonly halfOpen?: boolean
  readonly onPeer?: (peer: PlainPeer) => void
} = {}): Effect.Effect<{ readonly port: number; readonly peers: Array<PlainPeer> }, Error, Scope.Scope> => {
  const peers: Array<PlainPeer> = []
  const server = Net.createServer({ allowHalfOpen: halfOpen }, (socket) => {
    const peer = new PlainPeer(socket, reads)
    peers.push(peer)
    onPeer?.(peer)
  })
  return Effect.acquireRelease(
    Effect.callback<{ readonly port: number; readonly peers: Array<PlainPeer> }, Error>((resume) => {
      server.once("error", (error) => resume(Effect.fail(error)))
      server.listen(0, host, () => {
        const address = server.address()
        resume(Effect.succeed({ port: typeof address === "object" && address !== null ? address.port : 0, peers }))
      })
    }),
    () =>
      Effect.callback<void>((resume) => {
        for (const { socket } of peers) socket.destroy()
        server.close(() => resume(Effect.void))
      })
  )
}
