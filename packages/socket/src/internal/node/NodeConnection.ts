/**
 * A `Connection` over a socket of node:net. Every call that comes from Node ends here in a guard: what the receiver of the
 * events throws resets its connection, is reported to it as a defect, and goes no further.
 */
import * as NetAddress from "effect/net/NetAddress"
import * as Result from "effect/Result"
import type * as Net from "node:net"
import { performance } from "node:perf_hooks"
import type { Connection, ConnectionEvents, SocketOptions, Timers } from "../../Connection.ts"
import { type Reason, reasonFromCause } from "../../NetworkError.ts"
import { report } from "../guard.ts"
import { inetAddress } from "./NodeAddress.ts"
import { HalfOpen, type Probed } from "./NodeHalfOpen.ts"
import { reading } from "./NodeSharedBuffer.ts"
import { apply, unsupported } from "./NodeSocketOptions.ts"
import { after } from "./NodeTimers.ts"

const owner = Symbol("@effect-sockets/socket/NodeConnection")

/**
 * A socket that is closed has no owner any more. Node makes a closure for each that V8 puts among the old objects at once,
 * `WritableState.onwrite`; with it the socket outlives every collection of the young, and so would all that it leads to.
 */
export interface OwnedSocket extends Net.Socket {
  [owner]: NodeConnection | undefined
}

/** Undocumented: what Node's own idle timer looks at. Tests hold it. */
interface CountingSocket extends Net.Socket {
  readonly _handle?: { readonly bytesWritten?: number; readonly writeQueueSize?: number } | null
}

// Shared by all sockets, found through `this`: a connection costs no closures but the write callback.
const input = reading((socket: OwnedSocket) => socket[owner])
function onEnd(this: OwnedSocket): void {
  this[owner]?.ended()
}
function onError(this: OwnedSocket, error: Error): void {
  this[owner]?.failed(error)
  // A TLS socket may report an error and then the end of input as if nothing had been.
  this.destroy()
}
function onClose(this: OwnedSocket): void {
  this[owner]?.closed()
}

/** As long as the kernel takes all at once, other connections wait. */
const longestBurst = 1024 * 1024

const nothing = new Uint8Array(0)

const halfOpen = new HalfOpen()

/** The two ends of a connection, as far as they are known without asking the kernel. */
export interface KnownAddresses {
  readonly local: NetAddress.SocketAddress | undefined
  readonly remote: NetAddress.SocketAddress | undefined
}

/** Of a connection for which the kernel has to be asked. */
export const unknown: KnownAddresses = { local: undefined, remote: undefined }

export class NodeConnection implements Connection, Timers, Probed {
  previous: Probed | undefined
  next: Probed | undefined
  protected events: ConnectionEvents | undefined
  private isClosed = false
  /** Bytes that the kernel took at once, since the event loop had its turn. */
  private burst = 0
  /** The kernel did not take all of the last write at once. */
  protected isFull = false
  /** When TCP_NODELAY is set: it was, or is not wanted; before the next write; or before the one after that. */
  private noDelay: "kept" | "next" | "afterNext"
  /** What broke the connection, if anything did. */
  cause: unknown
  protected readonly socket: OwnedSocket
  private readonly known: KnownAddresses
  // In Node's words until somebody wants to see them. The kernel forgets the addresses when the connection goes, so it is
  // asked for them at the start.
  private readonly localHost: string
  private readonly localPort: number
  private readonly remoteHost: string
  private readonly remotePort: number
  private local: NetAddress.SocketAddress | undefined
  private remote: NetAddress.SocketAddress | undefined

  /** The socket must be connected and must not have been paused. */
  constructor(socket: Net.Socket, known: KnownAddresses = unknown, setsNoDelay = false) {
    this.noDelay = setsNoDelay ? "afterNext" : "kept"
    this.socket = socket as OwnedSocket
    this.socket[owner] = this
    this.known = known
    const asksLocal = known.local === undefined
    this.localHost = asksLocal ? (socket.localAddress ?? "") : ""
    this.localPort = asksLocal ? (socket.localPort ?? 0) : 0
    const asksRemote = known.remote === undefined
    this.remoteHost = asksRemote ? (socket.remoteAddress ?? "") : ""
    this.remotePort = asksRemote ? (socket.remotePort ?? 0) : 0
    this.socket.on("error", onError)
    this.socket.on("close", onClose)
  }

  get localAddress(): NetAddress.SocketAddress {
    return this.known.local ?? (this.local ??= addressOf(this.localHost, this.localPort))
  }

  get remoteAddress(): NetAddress.SocketAddress {
    return this.known.remote ?? (this.remote ??= addressOf(this.remoteHost, this.remotePort))
  }

  /** A connection is its own clock: what a timer of it throws is its own as well. */
  get timers(): Timers {
    return this
  }

  now(): number {
    return performance.now()
  }

  set(millis: number, f: () => void): () => void {
    return after(millis, () => {
      try {
        f()
      } catch (cause) {
        this.slipped(cause)
      }
    })
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
      if (!error) this.reportWritten()
    }
  }

  write(chunks: ReadonlyArray<Uint8Array>): boolean {
    const { isFull, socket } = this
    if (this.noDelay === "afterNext") this.noDelay = "next"
    else this.setNoDelay()
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
    if (this.isFull) {
      // What is left goes in pieces.
      this.setNoDelay()
      socket.write(nothing, this.onWritten())
    } else {
      for (const chunk of chunks) this.burst += chunk.length
      if (this.burst < longestBurst) return true
      this.burst = 0
      setImmediate(this.onWritten())
    }
    return false
  }

  private setNoDelay(): void {
    if (this.noDelay === "kept") return
    this.noDelay = "kept"
    this.tcp.setNoDelay(true)
  }

  /**
   * What libuv was given less what it still has. Of TLS: of the records, so that only its growth says something. Bun and
   * Deno do not tell: a whole write counts as one step there.
   */
  sentBytes(): number {
    const { bytesWritten, writeQueueSize } = (this.tcp as CountingSocket)._handle ?? {}
    return bytesWritten === undefined || writeQueueSize === undefined ? 0 : bytesWritten - writeQueueSize
  }

  end(): boolean | void {
    halfOpen.forget(this)
    this.socket.end()
  }

  /** Asks the kernel, by a write of nothing, whether the peer has reset the connection. TLS would keep that to itself. */
  probe(): void {
    const { socket, tcp } = this
    if (socket.writableLength > 0 || socket.destroyed || tcp.destroyed) return
    tcp.write(nothing, (error) => {
      if (!error) return
      this.cause ??= error
      this.socket.destroy()
    })
  }

  destroy(): void {
    this.socket.destroy()
  }

  reset(): void {
    // Unix-domain sockets know no reset. And libuv refuses one while a shutdown is under way: Node then forgets to close.
    const ending = this.socket.writableEnded && !this.socket.writableFinished
    if (ending || this.isUnix) this.socket.destroy()
    else this.socket.resetAndDestroy()
  }

  configure(options: SocketOptions): Result.Result<void, Reason> {
    const lacking = unsupported(options)
    if (lacking !== undefined) return Result.fail(lacking)
    if (options.noDelay !== undefined) this.noDelay = "kept"
    if (!this.isUnix && !this.socket.destroyed) apply(this.tcp, options)
    return Result.succeed(undefined)
  }

  /** The socket that has options: TLS has none of its own. */
  protected get tcp(): Net.Socket {
    return this.socket
  }

  /** Hands the socket over to another owner. */
  protected detach(): OwnedSocket {
    this.setNoDelay()
    input.stop(this.socket)
    halfOpen.forget(this)
    this.events = undefined
    this.socket.off("end", onEnd)
    this.socket.off("close", onClose)
    return this.socket
  }

  /** Why the connection broke, in the words of this package. */
  protected reason(): Reason {
    return reasonFromCause(this.cause)
  }

  protected get isUnix(): boolean {
    return this.known.local?._tag === "UnixPathAddress"
  }

  /** A call of the events threw. */
  protected slipped(cause: unknown): void {
    this.reset()
    report(cause, this.events === undefined ? undefined : (cause) => this.events?.defect(cause))
  }

  data(chunk: Uint8Array): void {
    try {
      this.events?.data(chunk)
    } catch (cause) {
      this.slipped(cause)
    }
  }

  borrow(chunk: Uint8Array): void {
    try {
      this.events?.borrow(chunk)
    } catch (cause) {
      this.slipped(cause)
    }
  }

  ended(): void {
    if (this.cause !== undefined) return
    try {
      this.events?.end()
    } catch (cause) {
      this.slipped(cause)
    }
    // Most have answered FIN with FIN by now, or handed the socket over.
    const { events, socket } = this
    if (events !== undefined && !this.isUnix && !socket.writableEnded && !socket.destroyed) halfOpen.watch(this)
  }

  failed(error: Error): void {
    this.cause ??= error
  }

  protected reportWritten(): void {
    try {
      this.events?.written()
    } catch (cause) {
      this.slipped(cause)
    }
  }

  closed(): void {
    this.isClosed = true
    this.socket[owner] = undefined
    halfOpen.forget(this)
    try {
      this.events?.closed(this.cause === undefined ? undefined : this.reason())
    } catch (cause) {
      this.slipped(cause)
    }
  }
}

/** Without a host the peer was gone before its address could be asked for. */
const addressOf = (host: string, port: number): NetAddress.SocketAddress =>
  host === "" ? unknownAddress : inetAddress(host, port)

const unknownAddress = NetAddress.inetAddressUnsafe(NetAddress.ipv4Unspecified, 0)
