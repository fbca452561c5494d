/**
 * The capability to connect and to listen. Everything else in this package is written over its two operations, so a
 * program that is given another `Network` (TCP, Unix-domain, TLS, or one inside the process) runs unchanged.
 */
import { boolean, find, integer } from "@effect-sockets/resolver/InvalidOption"
import * as Cause from "effect/Cause"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import { constVoid } from "effect/Function"
import type * as NetAddress from "effect/net/NetAddress"
import type * as Result from "effect/Result"
import type * as Scope from "effect/Scope"
import type { Connection, SocketOptions, Timers } from "./Connection.ts"
import { deliver, guard } from "./internal/guard.ts"
import { socketChecks } from "./internal/socketChecks.ts"
import { isNetworkError, make as makeError, type Reason, type NetworkError } from "./NetworkError.ts"
import type * as Tls from "./Tls.ts"

/**
 * How one connection is made.
 *
 * ```ts
 * import * as NetAddress from "effect/net/NetAddress"
 * import type { ConnectOptions } from "@effect-sockets/socket/Network"
 * const options: ConnectOptions = { localAddress: NetAddress.ipFromStringUnsafe("192.0.2.1"), keepAlive: "1 minute" }
 * options.keepAlive // => "1 minute"
 * ```
 *
 * @category options
 * @since 0.1.0
 */
export interface ConnectOptions extends SocketOptions {
  /** The local address to connect from, for a machine with several. Default: the system's choice. */
  readonly localAddress?: NetAddress.IpAddress | undefined
  /** The local port to connect from, 1 to 65535. Default: any free port. */
  readonly localPort?: number | undefined
}

/**
 * How a port is opened, and the options of the sockets that come from it.
 *
 * ```ts
 * import { Effect } from "effect"
 * import type { ListenOptions } from "@effect-sockets/socket/Network"
 * import * as NodeNetwork from "@effect-sockets/socket/NodeNetwork"
 * import * as ServerSocket from "@effect-sockets/socket/ServerSocket"
 * const open = (options: ListenOptions) => Effect.scoped(ServerSocket.listen(0, options)).pipe(Effect.provide(NodeNetwork.layer))
 * await Effect.runPromise(Effect.as(open({ backlog: 64, reusePort: true }), "open")) // => "open"
 * const error = await Effect.runPromise(Effect.flip(open({ backlog: NaN })))
 * error.reason._tag // => "InvalidOption"
 * ```
 *
 * @category options
 * @since 0.1.0
 */
export interface ListenOptions extends SocketOptions {
  /** Connections that the kernel keeps while the process is busy, at least 1. Default 511, as in Node and nginx. */
  readonly backlog?: number | undefined
  /** Let several processes open the same port; the kernel spreads connections over them. Default `false`. */
  readonly reusePort?: boolean | undefined
  /** On an IPv6 address, take no IPv4 connections. Default `true`: `::` alone does not open IPv4's port as well. */
  readonly ipv6Only?: boolean | undefined
}

/**
 * How a descriptor that listens already is taken. Where its connections come from was decided by whoever opened it.
 *
 * ```ts
 * import type { DescriptorOptions } from "@effect-sockets/socket/Network"
 * const options: DescriptorOptions = { backlog: 1024, keepAlive: "1 minute" }
 * options.backlog // => 1024
 * ```
 *
 * @category options
 * @since 0.1.0
 */
export type DescriptorOptions = Omit<ListenOptions, "reusePort" | "ipv6Only">

/**
 * What an attempt to connect reports, outside any fiber: `connected` or `failed`, once, and possibly before `dial`
 * returns. After it was given up it reports nothing.
 *
 * ```ts
 * import { Effect } from "effect"
 * import * as NetAddress from "effect/net/NetAddress"
 * import * as MemoryNetwork from "@effect-sockets/socket/MemoryNetwork"
 * import { type DialEvents, Network } from "@effect-sockets/socket/Network"
 * const dialled = Network.use((network) => Effect.callback<string>((resume) => {
 *   const events: DialEvents = {
 *     connected: (connection) => { connection.destroy(); resume(Effect.succeed("connected")) },
 *     failed: (error) => resume(Effect.succeed(error.reason._tag)),
 *     defect: (cause) => resume(Effect.die(cause))
 *   }
 *   network.dial(NetAddress.inetAddressFromStringUnsafe("127.0.0.1:80"), {}, events)
 * }))
 * await Effect.runPromise(Effect.provide(dialled, MemoryNetwork.layer())) // => "ConnectionRefused"
 * ```
 *
 * @category models
 * @since 0.1.0
 */
export interface DialEvents {
  /** The connection. Whoever takes this call owns it, and attaches to it in the same turn. */
  connected(connection: Connection): void
  /** Why there is none. */
  failed(error: NetworkError): void
  /** What holds the attempt up, which goes on. Told each time, for the error of who loses patience. */
  delayed?(error: NetworkError): void
  /** `connected` threw, which is a fault of the program's or of this package's: the connection is being reset. */
  defect(cause: unknown): void
}

/**
 * What a listener reports, outside any fiber.
 *
 * ```ts
 * import { Effect } from "effect"
 * import * as NetAddress from "effect/net/NetAddress"
 * import * as MemoryNetwork from "@effect-sockets/socket/MemoryNetwork"
 * import { type ListenerEvents, Network } from "@effect-sockets/socket/Network"
 * const events: ListenerEvents = { connection: (connection) => connection.reset(), error: (error) => console.log(error.message) }
 * const address = NetAddress.inetAddressFromStringUnsafe("127.0.0.1:80")
 * const program = Network.use((network) => Effect.andThen(network.listen(address, events), network.connect(address)))
 * const connection = await Effect.runPromise(program.pipe(Effect.scoped, Effect.provide(MemoryNetwork.layer())))
 * NetAddress.formatSocketAddress(connection.remoteAddress) // => "127.0.0.1:80"
 * ```
 *
 * @category models
 * @since 0.1.0
 */
export interface ListenerEvents {
  /** A new connection. Whoever takes this call owns it, and attaches to it in the same turn. */
  readonly connection: (connection: Connection) => void
  /** The listener broke after it had opened. It reports no more connections. */
  readonly error: (error: NetworkError) => void
  /**
   * One of the two threw, which is a fault of the program's or of this package's. The connection that was reported is
   * being reset; the listener goes on. Left out, the network's own way to complain has it.
   */
  readonly defect?: ((cause: unknown) => void) | undefined
}

/**
 * An open port. It is closed with the scope that `listen` was given.
 *
 * ```ts
 * import { Effect } from "effect"
 * import * as NetAddress from "effect/net/NetAddress"
 * import { type Listener, Network } from "@effect-sockets/socket/Network"
 * import * as NodeNetwork from "@effect-sockets/socket/NodeNetwork"
 * const any = NetAddress.inetAddressUnsafe(NetAddress.ipv4Loopback, 0)
 * const portOf = ({ address }: Listener) => (NetAddress.isInetAddress(address) ? address.port : 0)
 * const listen = Network.use((network) => network.listen(any, { connection: (connection) => connection.reset(), error: () => {} }))
 * const port = await Effect.runPromise(Effect.map(listen, portOf).pipe(Effect.scoped, Effect.provide(NodeNetwork.layer)))
 * port > 0 // => true
 * ```
 *
 * @category models
 * @since 0.1.0
 */
export interface Listener {
  /** The address that was opened, with the port the system chose where 0 was asked for. */
  readonly address: NetAddress.SocketAddress
  /** Closes the port at once; connections that were reported stay. May be run again. */
  readonly close: Effect.Effect<void>
  /** Its descriptor, where the network has those and tells. It is open until `close`. */
  readonly descriptor?: number | undefined
}

/**
 * The capability to connect to addresses and to listen on them.
 *
 * ```ts
 * import { Effect } from "effect"
 * import * as NetAddress from "effect/net/NetAddress"
 * import * as MemoryNetwork from "@effect-sockets/socket/MemoryNetwork"
 * import { Network } from "@effect-sockets/socket/Network"
 * const connect = Network.use((network) => network.connect(NetAddress.inetAddressFromStringUnsafe("127.0.0.1:80")))
 * const error = await Effect.runPromise(Effect.flip(connect).pipe(Effect.provide(MemoryNetwork.layer())))
 * error.message // => "connect 127.0.0.1:80: connection refused"
 * ```
 *
 * @category services
 * @since 0.1.0
 */
export class Network extends Context.Service<
  Network,
  {
    /**
     * Starts one attempt to connect to one address, in no fiber; the result gives it up. Called at any time and more than
     * once, it closes an attempt that is under way and does nothing else. It never throws.
     */
    readonly dial: (address: NetAddress.SocketAddress, options: ConnectOptions, events: DialEvents) => () => void

    /**
     * `dial` as an effect. The caller owns the connection.
     *
     * **Errors**: `connect` with the reason; `InvalidOption` for options that cannot be meant. **Interruption** closes the
     * attempt; no connection is left.
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

    /**
     * Takes a descriptor that listens, and reports its connections until the scope closes it. Left out by networks without
     * descriptors.
     *
     * **Interruption** closes it.
     */
    readonly listenOn?:
      | ((
          descriptor: number,
          events: ListenerEvents,
          options?: DescriptorOptions
        ) => Effect.Effect<Listener, NetworkError, Scope.Scope>)
      | undefined

    /** Whether a server can use these options. Left out by networks without TLS. */
    readonly checkTls?: ((options: Tls.ServerOptions) => Result.Result<void, Reason>) | undefined

    /** The clock of this network: that of its connections, for who waits before there is one. */
    readonly timers: Timers

    /** How many connections this process can hold at once, leaving as many descriptors again for their handlers. */
    readonly capacity: number
  }
>()("@effect-sockets/socket/Network") {}

/**
 * What a network is made from: all but `connect`, which is `dial` as an effect.
 *
 * ```ts
 * import * as Network from "@effect-sockets/socket/Network"
 * const deaf = (parts: Network.Parts): Network.Parts => ({ ...parts, capacity: 1 })
 * typeof deaf // => "function"
 * ```
 *
 * @category models
 * @since 0.1.0
 */
export type Parts = Omit<Network["Service"], "connect">

/**
 * A network from its parts. Spread another network's to change some of them. It looks at options: with one that cannot be
 * meant, `dial`, `connect` and `listen` fail with `InvalidOption`.
 *
 * ```ts
 * import { Effect, Layer } from "effect"
 * import * as NetAddress from "effect/net/NetAddress"
 * import * as MemoryNetwork from "@effect-sockets/socket/MemoryNetwork"
 * import * as Network from "@effect-sockets/socket/Network"
 * const seen: Array<string> = []
 * const watched = Layer.effect(Network.Network, Network.Network.useSync((network) => Network.make({
 *   ...network,
 *   dial: (address, options, events) => {
 *     seen.push(NetAddress.formatSocketAddress(address))
 *     return network.dial(address, options, events)
 *   }
 * }))).pipe(Layer.provide(MemoryNetwork.layer()))
 * const connect = Network.Network.use((network) => network.connect(NetAddress.inetAddressFromStringUnsafe("127.0.0.1:80")))
 * await Effect.runPromise(Effect.flip(connect).pipe(Effect.provide(watched)))
 * seen // => ["127.0.0.1:80"]
 * ```
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = (parts: Parts): Network["Service"] => {
  const { listenOn } = parts
  const dial: Parts["dial"] = (address, options, events) => {
    const invalid = find(options, connectChecks)
    if (invalid === undefined) return parts.dial(address, options, events)
    guard(
      () => events.failed(makeError("connect", address, invalid)),
      (cause) => events.defect(cause)
    )
    return constVoid
  }
  return Network.of({
    ...parts,
    dial,
    connect: (address, options = {}) =>
      Effect.callback((resume) => {
        const cancel = dial(address, options, {
          connected: (connection) => resume(Effect.succeed(connection)),
          failed: (error) => resume(Effect.fail(error)),
          defect: (cause) => resume(Effect.die(cause))
        })
        return Effect.sync(cancel)
      }),
    listen: (address, events, options = {}) =>
      Effect.suspend(() => {
        const invalid = find(options, listenChecks)
        return invalid === undefined
          ? parts.listen(address, events, options)
          : Effect.fail(makeError("listen", address, invalid))
      }),
    listenOn:
      listenOn === undefined
        ? undefined
        : (descriptor, events, options = {}) =>
            Effect.suspend(() => {
              const invalid = descriptorProblem(descriptor) ?? find(options, listenChecks)
              return invalid === undefined
                ? listenOn(descriptor, events, options)
                : Effect.fail(makeError("listen", `descriptor ${descriptor}`, invalid))
            })
  })
}

/** Why a number is no descriptor that can be taken: the first three are the standard streams. */
const descriptorProblem = (descriptor: number): Reason | undefined =>
  Number.isInteger(descriptor) && descriptor >= 3 && descriptor <= largestCount
    ? undefined
    : { _tag: "InvalidAddress", detail: `it is not an integer from 3 to ${largestCount}` }

/** The largest number of the kernel's that counts things. */
const largestCount = 2 ** 31 - 1

const connectChecks = { ...socketChecks, localPort: integer(1, 65_535) }

const listenChecks = { ...socketChecks, backlog: integer(1, largestCount), reusePort: boolean, ipv6Only: boolean }

/**
 * `dial` of a transport that connects by an effect: it runs in a fiber of its own, with this context.
 *
 * ```ts
 * import { Context, Effect } from "effect"
 * import * as NetAddress from "effect/net/NetAddress"
 * import * as Network from "@effect-sockets/socket/Network"
 * import * as NetworkError from "@effect-sockets/socket/NetworkError"
 * const dial = Network.dialBy((address) => Effect.fail(NetworkError.make("connect", address, { _tag: "ConnectionRefused" })), Context.empty())
 * const reason = await new Promise((resolve) => dial(NetAddress.inetAddressFromStringUnsafe("127.0.0.1:80"), {}, {
 *   connected: (connection) => connection.destroy(),
 *   failed: (error) => resolve(error.reason._tag),
 *   defect: (cause) => resolve(cause)
 * }))
 * reason // => "ConnectionRefused"
 * ```
 *
 * @category combinators
 * @since 0.1.0
 */
export const dialBy =
  <R>(
    connect: (address: NetAddress.SocketAddress, options: ConnectOptions) => Effect.Effect<Connection, NetworkError, R>,
    context: Context.Context<R>
  ): Parts["dial"] =>
  (address, options, events) => {
    let isOver = false
    const fiber = Effect.runForkWith(context)(connect(address, options))
    fiber.addObserver((exit) => {
      if (isOver) {
        // It came too late to be given up by an interruption.
        if (Exit.isSuccess(exit)) exit.value.destroy()
        return
      }
      isOver = true
      if (Exit.isSuccess(exit)) return deliver(exit.value, events)
      const error = Cause.squash(exit.cause)
      guard(() => (isNetworkError(error) ? events.failed(error) : events.defect(error)))
    })
    return () => {
      if (isOver) return
      isOver = true
      fiber.interruptUnsafe()
    }
  }
