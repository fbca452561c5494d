/** Attempts to connect over node:net. */
import * as NetAddress from "effect/net/NetAddress"
import * as Net from "node:net"
import type { ConnectOptions, DialEvents } from "../../Network.ts"
import { make, type Reason, reasonFromCause } from "../../NetworkError.ts"
import { deliver, guard } from "../guard.ts"
import { addressProblem, nativeHost, unnamed } from "./NodeAddress.ts"
import { apply, atStart, hasMore, setsNoDelayLater, unsupported } from "./NodeSocketOptions.ts"
import { PlainConnection } from "./NodeTls.ts"

const dialing = Symbol("@effect-sockets/socket/NodeDialer")

interface DialingSocket extends Net.Socket {
  [dialing]?: Attempt | undefined
}

// Shared by all attempts, found through `this`.
function onConnect(this: DialingSocket): void {
  this[dialing]?.connected()
}
function onError(this: DialingSocket, cause: Error): void {
  this[dialing]?.failed(cause)
}

/** How long an attempt waits before it asks a full backlog again, in milliseconds: first, and at most. */
const firstPause = 1
const longestPause = 50

class Attempt {
  private readonly address: NetAddress.SocketAddress
  private readonly options: ConnectOptions
  private readonly events: DialEvents
  private socket: DialingSocket | undefined
  private pause = firstPause
  private waiting: NodeJS.Timeout | undefined

  constructor(address: NetAddress.SocketAddress, options: ConnectOptions, events: DialEvents) {
    this.address = address
    this.options = options
    this.events = events
  }

  start(): void {
    const { address, options } = this
    const isPath = address._tag === "UnixPathAddress"
    const problem = addressProblem(address)
    if (problem !== undefined) return this.fail({ _tag: "InvalidAddress", detail: problem })
    const lacking = unsupported(options)
    if (lacking !== undefined) return this.fail(lacking)
    try {
      this.socket = isPath
        ? Net.connect({ path: address.path, allowHalfOpen: true })
        : Net.connect({
            ...atStart(options),
            localAddress: options.localAddress && NetAddress.formatIp(options.localAddress),
            localPort: options.localPort,
            host: nativeHost(address),
            port: address.port,
            allowHalfOpen: true
          })
    } catch (cause) {
      return this.fail(reasonFromCause(cause))
    }
    this.socket[dialing] = this
    this.socket.on("error", onError)
    this.socket.on("connect", onConnect)
  }

  connected(): void {
    const socket = this.release()
    if (socket === undefined) return
    const { address } = this
    const isPath = address._tag === "UnixPathAddress"
    const known = { local: isPath ? unnamed : undefined, remote: address }
    const connection = new PlainConnection(socket, known, !isPath && setsNoDelayLater(this.options))
    if (!isPath && hasMore(this.options)) apply(socket, this.options)
    deliver(connection, this.events)
  }

  failed(cause: unknown): void {
    if (this.release() === undefined) return
    const code = typeof cause === "object" && cause !== null && "code" in cause ? cause.code : undefined
    const isPath = this.address._tag === "UnixPathAddress"
    if (isPath && code === "EAGAIN") return this.waitForRoom()
    // A path that leads nowhere refuses just as a port that nobody opened.
    this.fail(isPath && code === "ENOENT" ? { _tag: "ConnectionRefused" } : reasonFromCause(cause))
  }

  /** A full backlog of a Unix-domain socket: a `connect` that may block would wait in the kernel. */
  private waitForRoom(): void {
    this.waiting = setTimeout(() => {
      this.waiting = undefined
      this.start()
    }, this.pause)
    this.pause = Math.min(longestPause, 2 * this.pause)
    const reason: Reason = { _tag: "Unknown", code: "EAGAIN", detail: "the backlog of the listener is full" }
    guard(
      () => this.events.delayed?.(make("connect", this.address, reason)),
      (cause) => this.events.defect(cause)
    )
  }

  private fail(reason: Reason): void {
    guard(
      () => this.events.failed(make("connect", this.address, reason)),
      (cause) => this.events.defect(cause)
    )
  }

  /**
   * The socket of the attempt that is under way, which is then no longer the attempt's. Its listeners stay, and find no
   * attempt: to take them away costs more.
   */
  private release(): DialingSocket | undefined {
    const { socket } = this
    this.socket = undefined
    if (socket === undefined) return undefined
    socket[dialing] = undefined
    return socket
  }

  cancel(): void {
    clearTimeout(this.waiting)
    this.waiting = undefined
    this.release()?.destroy()
  }
}

/** Starts an attempt; the result gives it up. */
export const dial = (address: NetAddress.SocketAddress, options: ConnectOptions, events: DialEvents): (() => void) => {
  const attempt = new Attempt(address, options, events)
  attempt.start()
  return () => attempt.cancel()
}
