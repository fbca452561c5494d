/**
 * What a transport gives: one end of an open connection as plain calls. `SocketStream` is built on it; write one of
 * these to bring a transport of your own. No method throws, and none but the constructor's caller owns it.
 */
import type * as Duration from "effect/Duration"
import type * as Effect from "effect/Effect"
import type * as NetAddress from "effect/net/NetAddress"
import type * as Result from "effect/Result"
import type { Reason, NetworkError } from "./NetworkError.ts"
import type * as Tls from "./Tls.ts"

/**
 * What a connection reports, outside any fiber. `closed` comes once and last.
 *
 * ```ts
 * import type { ConnectionEvents } from "@effect-sockets/socket/Connection"
 * const heard: Array<string> = []
 * const events: ConnectionEvents = {
 *   data: (chunk) => void heard.push(`${chunk.length} bytes`),
 *   borrow: (chunk) => events.data(chunk.slice()),
 *   end: () => void heard.push("end"),
 *   written: () => {},
 *   defect: (cause) => console.error(cause),
 *   closed: (reason) => void heard.push(reason?._tag ?? "closed")
 * }
 * events.borrow(new Uint8Array(3))
 * heard // => ["3 bytes"]
 * ```
 *
 * @category models
 * @since 0.1.0
 */
export interface ConnectionEvents {
  /** Bytes of the peer, at least one. The receiver may keep the array: it is not used again. */
  data(chunk: Uint8Array): void
  /** As `data`, of an array that the transport uses again when the call returns: what is kept of it is copied. */
  borrow(chunk: Uint8Array): void
  /** The peer ended its output (FIN). Writing goes on. */
  end(): void
  /** The bytes of the last `write`, which were not in the kernel when it returned, are now. */
  written(): void
  /**
   * A call of these threw, which is a fault of the program's or of this package's: the connection is being reset, and
   * `closed` follows. Who has the connection reports it.
   */
  defect(cause: unknown): void
  /** The descriptor is gone: with a reason if the connection broke, without one after an orderly end. */
  closed(reason: Reason | undefined): void
}

/**
 * Timers of the network's own clock, in milliseconds. Any length works; an infinite one never fires.
 *
 * ```ts
 * import { Effect } from "effect"
 * import { Network } from "@effect-sockets/socket/Network"
 * import * as NodeNetwork from "@effect-sockets/socket/NodeNetwork"
 * const fired = Network.use(({ timers }) => Effect.callback<string>((resume) => {
 *   const cancel = timers.set(30 * 24 * 3600 * 1000, () => resume(Effect.succeed("a month later")))
 *   timers.set(5, () => { cancel(); resume(Effect.succeed("at once")) })
 * }))
 * await Effect.runPromise(Effect.provide(fired, NodeNetwork.layer)) // => "at once"
 * ```
 *
 * @category models
 * @since 0.1.0
 */
export interface Timers {
  /** Milliseconds that only grow. */
  now(): number
  /** Calls `f` once after `millis`; the result cancels it. */
  set(millis: number, f: () => void): () => void
}

/**
 * Options of one socket, as far as Node has them. Node has no others: buffer sizes (SO_RCVBUF, SO_SNDBUF), SO_LINGER,
 * TCP_USER_TIMEOUT, TCP_FASTOPEN, TCP_QUICKACK, SO_MARK and SO_BINDTODEVICE cannot be reached from it, nor can who the
 * peer of a Unix-domain socket is (SO_PEERCRED). Unix-domain sockets ignore them all.
 *
 * ```ts
 * import type { SocketOptions } from "@effect-sockets/socket/Connection"
 * const options: SocketOptions = { keepAlive: "30 seconds", noDelay: false }
 * options.noDelay // => false
 * ```
 *
 * @category options
 * @since 0.1.0
 */
export interface SocketOptions {
  /**
   * Send small segments at once (TCP_NODELAY). Default `true`: this package already gathers small writes. On Linux it is set
   * before the second write of a connection: the first has nothing to wait for, so one that answers once needs no call.
   */
  readonly noDelay?: boolean | undefined
  /**
   * Probe a peer from which nothing came for so long (SO_KEEPALIVE), in whole seconds, at most 32,767 of them, as Linux
   * counts. Default, and `Infinity`: never.
   */
  readonly keepAlive?: Duration.Input | undefined
  /** How long to wait for the answer to a probe. Default: the system's, 75 seconds on Linux. Needs Node 24.21 or 26.4. */
  readonly keepAliveInterval?: Duration.Input | undefined
  /** Probes without an answer until the connection breaks, 1 to 127. Default: the system's, 9 on Linux. Needs Node 24.21 or 26.4. */
  readonly keepAliveCount?: number | undefined
  /** The type of service of IPv4, the traffic class of IPv6, 0 to 255. Default: the system's, 0. Needs Node 24.21 or 25.6. */
  readonly typeOfService?: number | undefined
}

/**
 * One end of an open connection.
 *
 * ```ts
 * import { Effect } from "effect"
 * import * as NetAddress from "effect/net/NetAddress"
 * import type { Connection } from "@effect-sockets/socket/Connection"
 * import * as MemoryNetwork from "@effect-sockets/socket/MemoryNetwork"
 * import { Network } from "@effect-sockets/socket/Network"
 * const address = NetAddress.inetAddressFromStringUnsafe("127.0.0.1:7")
 * const ends: Array<string> = []
 * const note = ({ localAddress, remoteAddress }: Connection) =>
 *   void ends.push([localAddress, remoteAddress].map(NetAddress.formatSocketAddress).join(" to "))
 * const program = Network.use((network) => Effect.andThen(
 *   network.listen(address, { connection: (connection) => connection.reset(), error: () => {} }),
 *   Effect.map(network.connect(address), note)
 * ))
 * await Effect.runPromise(program.pipe(Effect.scoped, Effect.provide(MemoryNetwork.layer())))
 * ends // => ["127.0.0.1:49152 to 127.0.0.1:7"]
 * ```
 *
 * @category models
 * @since 0.1.0
 */
export interface Connection {
  readonly localAddress: NetAddress.SocketAddress
  readonly remoteAddress: NetAddress.SocketAddress
  readonly timers: Timers
  /** Starts delivery. Called once, in the same turn in which the connection was reported. */
  attach(events: ConnectionEvents): void
  /** Asks for no more `data` for now; a bounded amount may still come. */
  pause(): void
  /** Asks for `data` again. */
  resume(): void
  /**
   * Sends the chunks in order. Whether the kernel has all of them already; otherwise `written` says when it has, unless
   * the connection breaks. Until then there is no next call, and the arrays are not changed.
   */
  write(chunks: ReadonlyArray<Uint8Array>): boolean
  /**
   * A count that grows whenever the kernel takes bytes of a write that is under way: how `writeTimeout` tells a slow peer
   * from one that has stopped. Left out by transports that cannot see it: then a whole write counts as one step.
   */
  sentBytes?(): number
  /**
   * Ends the output (FIN). Called when all that was written is in the kernel. The connection closes by itself once both
   * sides ended. Gives `true` where nothing is left to wait for: `closed` follows at once.
   */
  end(): boolean | void
  /** Gives the descriptor back now; `closed` follows. The peer sees FIN, or RST if it sent what nobody read. */
  destroy(): void
  /** Cuts the connection so that the peer sees an error (RST), and gives the descriptor back; `closed` follows. */
  reset(): void
  /**
   * Sets the options that are given, each of which can be meant, and leaves the others. Fails where the platform lacks
   * one. Left out by transports that have none.
   */
  configure?(options: SocketOptions): Result.Result<void, Reason>
  /**
   * Takes the handshake on this connection. `early` is what the peer sent already: it is read as part of the handshake,
   * never as input that came under TLS. The result replaces it at once: it reports no more events, and what is
   * written waits for the handshake. With options that cannot be used it fails and stays as it is. Left out by transports
   * that cannot.
   */
  startTls?(options: Tls.HandshakeOptions, early: Uint8Array): Result.Result<SecureConnection, Reason>
}

/**
 * A connection under TLS.
 *
 * ```ts
 * import { Effect } from "effect"
 * import type { SecureConnection } from "@effect-sockets/socket/Connection"
 * const protocolOf = (self: Pick<SecureConnection, "handshake">) => Effect.map(self.handshake, (info) => info.protocol)
 * const info = { protocol: "TLSv1.3", alpnProtocol: "h2", servername: "a.test", authorized: false, peerSubject: undefined }
 * await Effect.runPromise(protocolOf({ handshake: Effect.succeed(info) })) // => "TLSv1.3"
 * ```
 *
 * @category models
 * @since 0.1.0
 */
export interface SecureConnection extends Connection {
  /** What the handshake agreed on, or why it failed. */
  readonly handshake: Effect.Effect<Tls.HandshakeInfo, NetworkError>
}
