/** A `Connection` over a socket of node:net. */
import * as NetAddress from "effect/net/NetAddress"
import type * as Net from "node:net"
import { performance } from "node:perf_hooks"
import type { Connection, ConnectionEvents, Timers } from "../../Connection.ts"
import { type Reason, reasonFromCause } from "../../NetworkError.ts"
import { inetAddress } from "./NodeAddress.ts"
import { reading } from "./NodeSharedBuffer.ts"

/** Node keeps timers of one length in one list, so setting and clearing one costs well under a microsecond. */
export const timers: Timers = {
  now: () => performance.now(),
  set(millis, f) {
    const timer = setTimeout(f, millis)
    return () => clearTimeout(timer)
  }
}

const owner = Symbol("@effect-sockets/socket/NodeConnection")

export interface OwnedSocket extends Net.Socket {
  [owner]: NodeConnection
}

// Shared by all sockets, found through `this`: a connection costs no closures but the write callback.
const input = reading((socket: OwnedSocket) => socket[owner])
function onEnd(this: OwnedSocket): void {
  this[owner].ended()
}
function onError(this: OwnedSocket, error: Error): void {
  this[owner].cause ??= error
  // A TLS socket reports an alert of its peer here, and then the end of input as if nothing had been.
  this.destroy()
}
function onClose(this: OwnedSocket): void {
  this[owner].closed()
}

/** As long as the kernel takes all at once, other connections wait. */
const longestBurst = 1024 * 1024

const nothing = new Uint8Array(0)

export class NodeConnection implements Connection {
  readonly timers = timers
  readonly localAddress: NetAddress.SocketAddress
  protected events: ConnectionEvents | undefined
  private isClosed = false
  /** Bytes that the kernel took at once, since the event loop had its turn. */
  private burst = 0
  /** The kernel did not take all of the last write at once. */
  private isFull = false
  /** What broke the connection, if anything did. */
  cause: unknown
  protected readonly socket: OwnedSocket
  private readonly remoteHost: string
  private readonly remotePort: number
  private remote: NetAddress.SocketAddress | undefined

  /**
   * The socket must be connected and must not have been paused. `local` and `remote` are given where they are known
   * without asking the kernel.
   */
  constructor(socket: Net.Socket, local?: NetAddress.SocketAddress, remote?: NetAddress.SocketAddress) {
    this.socket = socket as OwnedSocket
    this.socket[owner] = this
    this.remote = remote
    // The kernel forgets the peer's address when the peer goes, so it is asked for now. It is read when it is needed.
    this.remoteHost = remote === undefined ? (socket.remoteAddress ?? "") : ""
    this.remotePort = remote === undefined ? (socket.remotePort ?? 0) : 0
    this.localAddress =
      local ??
      (socket.localAddress === undefined ? unknownAddress : inetAddress(socket.localAddress, socket.localPort ?? 0))
    this.socket.on("error", onError)
    this.socket.on("close", onClose)
  }

  get remoteAddress(): NetAddress.SocketAddress {
    return (this.remote ??= this.remoteHost === "" ? unknownAddress : inetAddress(this.remoteHost, this.remotePort))
  }

  attach(events: ConnectionEvents): void {
    this.events = events
    // Nobody heard it, if the peer left before this.
    if (this.isClosed) return this.closed()
    input.start(this.socket)
    this.socket.on("end", onEnd)
  }

  pause(): void {
    this.socket.pause()
  }

  resume(): void {
    this.socket.resume()
  }

  /** Made when it is needed: an idle connection has none. */
  private onWritten(): (error?: Error | null) => void {
    return (error) => {
      // A failed write is followed by 'error' and 'close', which report it.
      if (!error) this.events?.written()
    }
  }

  write(chunks: ReadonlyArray<Uint8Array>): boolean {
    const { isFull, socket } = this
    const last = chunks.length - 1
    if (last > 0) socket.cork()
    for (let i = 0; i < last; i++) socket.write(chunks[i])
    // Without a callback Node needs no turn of its own to say what it knows by then.
    if (isFull) socket.write(chunks[last], this.onWritten())
    else socket.write(chunks[last])
    if (last > 0) socket.uncork()
    // A socket that is destroyed drops what it is given, without an error.
    this.isFull = socket.writableLength > 0 || socket.errored !== null || socket.destroyed
    if (isFull) return false
    if (this.isFull) socket.write(nothing, this.onWritten())
    else {
      for (const chunk of chunks) this.burst += chunk.length
      if (this.burst < longestBurst) return true
      this.burst = 0
      setImmediate(this.onWritten())
    }
    return false
  }

  end(): void {
    this.socket.end()
  }

  destroy(): void {
    this.socket.destroy()
  }

  reset(): void {
    // Unix-domain sockets know no reset. And libuv refuses one while a shutdown is under way: Node then forgets to close.
    const ending = this.socket.writableEnded && !this.socket.writableFinished
    if (ending || this.localAddress._tag === "UnixPathAddress") this.socket.destroy()
    else this.socket.resetAndDestroy()
  }

  /** Hands the socket over to another owner. */
  protected detach(): OwnedSocket {
    input.stop(this.socket)
    this.socket.off("end", onEnd)
    this.socket.off("close", onClose)
    return this.socket
  }

  /** Why the connection broke, in the words of this package. */
  protected reason(): Reason {
    return reasonFromCause(this.cause)
  }

  data(chunk: Uint8Array): void {
    this.events?.data(chunk)
  }

  borrow(chunk: Uint8Array): void {
    this.events?.borrow(chunk)
  }

  ended(): void {
    if (this.cause === undefined) this.events?.end()
  }

  closed(): void {
    this.isClosed = true
    this.events?.closed(this.cause === undefined ? undefined : this.reason())
  }
}

/** The peer was gone before its address could be asked for. */
const unknownAddress = NetAddress.inetAddressUnsafe(NetAddress.ipv4Unspecified, 0)
