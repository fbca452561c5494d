/** A `Connection` over a socket of node:net. */
import * as NetAddress from "effect/net/NetAddress"
import type * as Net from "node:net"
import { networkInterfaces } from "node:os"
import { performance } from "node:perf_hooks"
import type { Connection, ConnectionEvents, Timers } from "../Connection.ts"
import { reasonFromCause, SocketError } from "../SocketError.ts"

/** Node keeps timers of one length in one list, so setting and clearing one costs well under a microsecond. */
export const timers: Timers = {
  now: () => performance.now(),
  set(millis, f) {
    const timer = setTimeout(f, millis)
    return () => clearTimeout(timer)
  }
}

const interfaces = () => NetAddress.scopeIdsFromInterfaces(Object.entries(networkInterfaces()))

/** Node names the zone of a link-local address by its interface; effect's addresses hold the interface's index. */
const scopeIds = (host: string): ReadonlyMap<string, number> => (host.includes("%") ? interfaces() : new Map())

/** The address that Node describes in words; an IPv4 peer of an IPv6 socket comes out as IPv4. */
export const inetAddress = (host: string, port: number): NetAddress.InetAddress =>
  NetAddress.toCanonical(NetAddress.inetAddressFromNativeUnsafe(host, port, scopeIds(host)))

/** The host part in Node's words. */
export const nativeHost = (address: NetAddress.InetAddress): string =>
  NetAddress.formatNativeHost(
    address,
    NetAddress.isInetAddressV6(address) && address.scopeId !== 0 ? interfaces() : new Map(),
    process.platform
  )

const owner = Symbol("@effect-sockets/socket/NodeConnection")

interface OwnedSocket extends Net.Socket {
  [owner]: NodeConnection
}

// Shared by all sockets, found through `this`: a connection costs no closures but the write callback.
function onData(this: OwnedSocket, chunk: Uint8Array): void {
  this[owner].events.data(chunk)
}
function onEnd(this: OwnedSocket): void {
  this[owner].events.end()
}
function onError(this: OwnedSocket, error: Error): void {
  this[owner].error = error
}
function onClose(this: OwnedSocket): void {
  this[owner].closed()
}

export class NodeConnection implements Connection {
  readonly timers = timers
  declare events: ConnectionEvents
  error: Error | undefined
  private readonly socket: OwnedSocket
  private readonly remoteHost: string
  private readonly remotePort: number
  private remote: NetAddress.SocketAddress | undefined
  private local: NetAddress.SocketAddress | undefined

  /**
   * The socket must be connected and must not have been paused. `local` is given where it is known without asking the
   * kernel: on a listener that is bound to one address.
   */
  constructor(socket: Net.Socket, local?: NetAddress.SocketAddress) {
    this.socket = socket as OwnedSocket
    this.socket[owner] = this
    // The kernel forgets the peer's address when the peer goes, so it is asked for now.
    this.remoteHost = socket.remoteAddress ?? ""
    this.remotePort = socket.remotePort ?? 0
    this.local =
      local ?? (socket.localAddress === undefined ? undefined : inetAddress(socket.localAddress, socket.localPort!))
    this.socket.on("error", onError)
    this.socket.on("close", onClose)
  }

  get remoteAddress(): NetAddress.SocketAddress {
    return (this.remote ??= this.remoteHost === "" ? unknownAddress : inetAddress(this.remoteHost, this.remotePort))
  }

  get localAddress(): NetAddress.SocketAddress {
    return this.local ?? unknownAddress
  }

  attach(events: ConnectionEvents): void {
    this.events = events
    this.socket.on("data", onData)
    this.socket.on("end", onEnd)
  }

  pause(): void {
    this.socket.pause()
  }

  resume(): void {
    this.socket.resume()
  }

  private readonly onWritten = (error: Error | null | undefined): void => {
    // A failed write is followed by 'error' and 'close', which report it.
    if (!error) this.events.written()
  }

  write(chunks: ReadonlyArray<Uint8Array>): void {
    const last = chunks.length - 1
    if (last === 0) {
      this.socket.write(chunks[0], this.onWritten)
      return
    }
    this.socket.cork()
    for (let i = 0; i < last; i++) this.socket.write(chunks[i])
    this.socket.write(chunks[last], this.onWritten)
    this.socket.uncork()
  }

  end(): void {
    this.socket.end()
  }

  destroy(): void {
    this.socket.destroy()
  }

  reset(): void {
    // libuv refuses a reset while a shutdown is under way, and Node then never closes the handle.
    if (this.socket.writableEnded && !this.socket.writableFinished) this.socket.destroy()
    else this.socket.resetAndDestroy()
  }

  closed(): void {
    this.events.closed(
      this.error === undefined
        ? undefined
        : SocketError.make({
            operation: "read",
            address: NetAddress.formatSocketAddress(this.remoteAddress),
            reason: reasonFromCause(this.error)
          })
    )
  }
}

/** The peer was gone before its address could be asked for. */
const unknownAddress = NetAddress.inetAddressUnsafe(NetAddress.ipv4Unspecified, 0)
