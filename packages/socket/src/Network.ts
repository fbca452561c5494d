/**
 * The capability to connect and to listen. Everything else in this package is written over its two operations, so a
 * program that is given another `Network` (TCP, Unix-domain, TLS, or one inside the process) runs unchanged.
 */
import * as Context from "effect/Context"
import type * as Duration from "effect/Duration"
import type * as Effect from "effect/Effect"
import type * as NetAddress from "effect/net/NetAddress"
import type * as Result from "effect/Result"
import type * as Scope from "effect/Scope"
import type { Connection } from "./Connection.ts"
import type { Reason, NetworkError } from "./NetworkError.ts"
import type * as Tls from "./Tls.ts"

/** How one connection is made. */
export interface ConnectOptions {
  /** Send small segments at once (TCP_NODELAY). Default `true`: this package already gathers small writes. */
  readonly noDelay?: boolean | undefined
  /** Probe an idle peer after this long (SO_KEEPALIVE). Default: never. */
  readonly keepAlive?: Duration.Input | undefined
  /** The local address to connect from, for a machine with several. Default: the system's choice. */
  readonly localAddress?: NetAddress.IpAddress | undefined
  /** The local port to connect from, 1 to 65535. Default: any free port. */
  readonly localPort?: number | undefined
}

/** How a port is opened. */
export interface ListenOptions {
  /** Connections that the kernel keeps while the process is busy, at least 1. Default 511, as in Node and nginx. */
  readonly backlog?: number | undefined
  /** Send small segments at once (TCP_NODELAY). Default `true`: this package already gathers small writes. */
  readonly noDelay?: boolean | undefined
  /** Probe an idle peer after this long (SO_KEEPALIVE). Default: never. */
  readonly keepAlive?: Duration.Input | undefined
  /** Let several processes open the same port; the kernel spreads connections over them. Default `false`. */
  readonly reusePort?: boolean | undefined
  /** On an IPv6 address, take no IPv4 connections. Default `true`: `::` alone does not open IPv4's port as well. */
  readonly ipv6Only?: boolean | undefined
}

/** What a listener reports. Both are called outside any fiber and must not throw. */
export interface ListenerEvents {
  /** A new connection. Whoever takes this call owns it. */
  readonly connection: (connection: Connection) => void
  /** The listener broke after it had opened. It reports no more connections. */
  readonly error: (error: NetworkError) => void
}

/** An open port. It is closed with the scope that `listen` was given. */
export interface Listener {
  /** The address that was opened, with the port the system chose where 0 was asked for. */
  readonly address: NetAddress.SocketAddress
  /** Closes the port at once; connections that were reported stay. May be run again. */
  readonly close: Effect.Effect<void>
}

/** The capability to connect to addresses and to listen on them. */
export class Network extends Context.Service<
  Network,
  {
    /**
     * One attempt to connect to one address. The caller owns the connection.
     *
     * **Interruption** closes the attempt; no connection is left.
     */
    readonly connect: (
      address: NetAddress.SocketAddress,
      options?: ConnectOptions
    ) => Effect.Effect<Connection, NetworkError>

    /**
     * Opens an address and reports its connections until the scope closes.
     *
     * **Interruption** closes the port again.
     */
    readonly listen: (
      address: NetAddress.SocketAddress,
      events: ListenerEvents,
      options?: ListenOptions
    ) => Effect.Effect<Listener, NetworkError, Scope.Scope>

    /** Whether a server can use these options. Left out by networks without TLS. */
    readonly checkTls?: ((options: Tls.ServerOptions) => Result.Result<void, Reason>) | undefined

    /** How many connections this process can hold at once, leaving as many descriptors again for their handlers. */
    readonly capacity: number
  }
>()("@effect-sockets/socket/Network") {}
