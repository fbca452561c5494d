/**
 * Datagrams (UDP): messages that arrive whole or not at all, perhaps twice, in any order, and without a connection.
 *
 * What is sent is one message, or a typed failure: none is cut. What is received is one message with its sender, whole:
 * the receive buffer takes the longest there is, so nothing is truncated. A queue that is full drops, by a policy that has
 * a name, and counts. Unix-domain datagrams are not here: Node has none.
 *
 * The file is long by its examples alone: without them it has fewer than 400 lines.
 */
// oxlint-disable max-lines -- see above
import * as InvalidOption from "@effect-sockets/resolver/InvalidOption"
import * as Resolver from "@effect-sockets/resolver/Resolver"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as NetAddress from "effect/net/NetAddress"
import * as Scheduler from "effect/Scheduler"
import type * as Scope from "effect/Scope"
import type * as DatagramSocket from "effect/socket/DatagramSocket"
import { addressProblem, destinationProblem, nameOf } from "./internal/datagram/DatagramAddress.ts"
import { toReason } from "./internal/datagram/DatagramErrors.ts"
import * as NetworkError from "./NetworkError.ts"

/**
 * How a socket for datagrams is opened.
 *
 * ```ts
 * import * as Datagram from "@effect-sockets/socket/Datagram"
 * const options: Datagram.Options = { queue: 100, whenFull: "dropOldest" }
 * options.queue // => 100
 * ```
 *
 * @category options
 * @since 0.1.0
 */
export interface Options {
  /** Datagrams that wait for the program, at least 1. Default 1024: 64 MiB if all were of the longest kind. */
  readonly queue?: number | undefined
  /** Which datagram is dropped, and counted, when the queue is full. Default `"dropNewest"`. */
  readonly whenFull?: "dropNewest" | "dropOldest" | undefined
  /** Let datagrams be sent to broadcast addresses (SO_BROADCAST). Default `false`. */
  readonly broadcast?: boolean | undefined
  /** Let several sockets have the address (SO_REUSEADDR), as listeners to one multicast group do. Default `false`. */
  readonly reuseAddress?: boolean | undefined
  /** Routers that a datagram may pass, 1 to 255. Default: the system's, mostly 64. */
  readonly ttl?: number | undefined
  /** How datagrams to a multicast group leave. */
  readonly multicast?: MulticastOptions | undefined
}

/**
 * How datagrams to a multicast group leave this machine.
 *
 * ```ts
 * import type * as Datagram from "@effect-sockets/socket/Datagram"
 * const multicast: Datagram.MulticastOptions = { ttl: 1, loopback: true }
 * multicast.ttl // => 1
 * ```
 *
 * @category options
 * @since 0.1.0
 */
export interface MulticastOptions {
  /** The interface they leave by. Default: the system's choice. */
  readonly interface?: NetAddress.MulticastInterface | undefined
  /** Whether this machine hears them too. Default `true`. */
  readonly loopback?: boolean | undefined
  /** Routers that they may pass, 0 to 255. Default 1: they stay on the local network. */
  readonly ttl?: number | undefined
}

const optionChecks = {
  queue: InvalidOption.integer(1),
  whenFull: InvalidOption.oneOf("dropNewest", "dropOldest"),
  broadcast: InvalidOption.boolean,
  reuseAddress: InvalidOption.boolean,
  ttl: InvalidOption.integer(1, 255)
} as const

const multicastChecks = { loopback: InvalidOption.boolean, ttl: InvalidOption.integer(0, 255) } as const

const findInvalid = (options: Options): InvalidOption.InvalidOption | undefined =>
  InvalidOption.find(options, optionChecks) ??
  (options.multicast === undefined ? undefined : InvalidOption.find(options.multicast, multicastChecks, "multicast."))

/**
 * One socket that a network is asked for: its options have been looked at.
 *
 * ```ts
 * import type * as Datagram from "@effect-sockets/socket/Datagram"
 * import * as NetAddress from "effect/net/NetAddress"
 * const local = NetAddress.inetAddressFromStringUnsafe("127.0.0.1:0")
 * const request: Datagram.Request = { local, peer: undefined, options: {}, onError: () => {} }
 * request.local.port // => 0
 * ```
 *
 * @category models
 * @since 0.1.0
 */
export interface Request {
  readonly local: NetAddress.InetAddress
  /** The one peer of a connected socket. */
  readonly peer: NetAddress.InetAddress | undefined
  readonly options: Options
  /** Hears what no send can fail with any more, as that nobody listens at the peer's port. */
  readonly onError: (error: DatagramSocket.DatagramSocketError) => void
}

/**
 * The capability to send and receive datagrams.
 *
 * ```ts
 * import * as Datagram from "@effect-sockets/socket/Datagram"
 * import * as MemoryNetwork from "@effect-sockets/socket/MemoryNetwork"
 * import { Effect } from "effect"
 * const opens = Datagram.DatagramNetwork.useSync((network) => typeof network.socket)
 * await Effect.runPromise(Effect.provide(opens, MemoryNetwork.layer())) // => "function"
 * ```
 *
 * @category services
 * @since 0.1.0
 */
export class DatagramNetwork extends Context.Service<
  DatagramNetwork,
  {
    /** A socket of effect's, which opens when its reader is acquired. */
    readonly socket: (request: Request) => Effect.Effect<DatagramSocket.DatagramSocket>
  }
>()("@effect-sockets/socket/DatagramNetwork") {}

/**
 * A message that came, and who sent it.
 *
 * ```ts
 * import * as Datagram from "@effect-sockets/socket/Datagram"
 * import * as MemoryNetwork from "@effect-sockets/socket/MemoryNetwork"
 * import { Effect } from "effect"
 * import * as NetAddress from "effect/net/NetAddress"
 * const toItself = Effect.gen(function* () {
 *   const socket = yield* Datagram.bind(NetAddress.inetAddressFromStringUnsafe("127.0.0.1:53"))
 *   yield* Datagram.send(socket, "hello", socket.localAddress)
 *   const { from, payload }: Datagram.Datagram = yield* Datagram.receive(socket)
 *   return `${new TextDecoder().decode(payload)} from ${NetAddress.formatSocketAddress(from)}`
 * })
 * await Effect.runPromise(Effect.provide(Effect.scoped(toItself), MemoryNetwork.layer())) // => "hello from 127.0.0.1:53"
 * ```
 *
 * @category models
 * @since 0.1.0
 */
export interface Datagram {
  /** The program may keep it. */
  readonly payload: Uint8Array
  readonly from: NetAddress.InetAddress
}

/**
 * An open socket for datagrams. It is closed with its scope.
 *
 * ```ts
 * import * as Datagram from "@effect-sockets/socket/Datagram"
 * import * as MemoryNetwork from "@effect-sockets/socket/MemoryNetwork"
 * import { Effect } from "effect"
 * import * as NetAddress from "effect/net/NetAddress"
 * const portOf = (socket: Datagram.Socket) => socket.localAddress.port
 * const bound = Effect.map(Datagram.bind(NetAddress.inetAddressFromStringUnsafe("127.0.0.1:69")), portOf)
 * await Effect.runPromise(Effect.provide(Effect.scoped(bound), MemoryNetwork.layer())) // => 69
 * ```
 *
 * @category models
 * @since 0.1.0
 */
export interface Socket {
  readonly localAddress: NetAddress.InetAddress
  /** The one peer of a connected socket. */
  readonly remoteAddress: NetAddress.InetAddress | undefined
  /** Datagrams that were dropped because the queue was full. What the kernel or the network loses is counted by nobody. */
  readonly dropped: Effect.Effect<number>
}

const defaultQueue = 1024

class SocketImpl implements Socket {
  readonly remoteAddress: NetAddress.InetAddress | undefined
  readonly localAddress: NetAddress.InetAddress
  readonly dropped: Effect.Effect<number>
  readonly reader: DatagramSocket.Reader
  readonly writer: DatagramSocket.Writer
  isClosed = false
  /** Pulled, and not yet received. */
  private readonly pulled: Array<Datagram> = []
  private error: NetworkError.NetworkError | undefined
  private wake: (() => void) | undefined

  constructor(
    reader: DatagramSocket.Reader,
    writer: DatagramSocket.Writer,
    remoteAddress: NetAddress.InetAddress | undefined
  ) {
    this.reader = reader
    this.writer = writer
    this.localAddress = reader.address
    this.remoteAddress = remoteAddress
    this.dropped = Effect.sync(reader.dropped)
  }

  /** The next `receive` fails with it. */
  fail(error: NetworkError.NetworkError): void {
    this.error = error
    this.wake?.()
  }

  /** What there is already: a datagram, or why there is none. */
  private readonly take = (): Effect.Effect<Datagram, NetworkError.NetworkError> | undefined => {
    const next = this.pulled.shift()
    if (next !== undefined) return Effect.succeed(next)
    const { error } = this
    if (error === undefined) return undefined
    this.error = undefined
    return Effect.fail(error)
  }

  private readonly failed: Effect.Effect<void> = Effect.callback((resume) => {
    const wake = (): void => resume(Effect.void)
    this.wake = wake
    if (this.error !== undefined) wake()
    return Effect.sync(() => {
      this.wake = undefined
    })
  })

  readonly receive: Effect.Effect<Datagram, NetworkError.NetworkError> = Effect.suspend(
    () => this.take() ?? Effect.andThen(this.pull, this.receive)
  )

  // A turn that ended between the pull and the store would lose datagrams to an interruption.
  private readonly pull: Effect.Effect<void, NetworkError.NetworkError> = Effect.suspend(() => {
    const pull = this.reader.pull.pipe(
      Effect.map((batch) => {
        for (const { address, payload } of batch) this.pulled.push({ payload, from: address })
      }),
      Effect.mapError((error) => NetworkError.make("read", this.localAddress, toReason(error))),
      Effect.provideService(Scheduler.PreventSchedulerYield, true)
    )
    return this.remoteAddress === undefined ? pull : Effect.raceFirst(pull, this.failed)
  })
}

const open = Effect.fnUntraced(function* (
  local: NetAddress.InetAddress,
  peer: NetAddress.InetAddress | undefined,
  options: Options
) {
  const operation = peer === undefined ? "listen" : "connect"
  const address = peer === undefined ? local : peer
  const invalid = addressProblem(address, peer === undefined ? 0 : 1) ?? findInvalid(options)
  if (invalid !== undefined) return yield* NetworkError.make(operation, nameOf(address), invalid)
  const network = yield* DatagramNetwork
  let opened: SocketImpl | undefined
  const socket = yield* network.socket({
    local,
    peer,
    options: { queue: defaultQueue, ...options },
    onError: (error) => opened?.fail(NetworkError.make("read", address, toReason(error)))
  })
  const reader = yield* Effect.mapError(socket.reader, (error) =>
    NetworkError.make(operation, address, toReason(error))
  )
  const self = (opened = new SocketImpl(reader, yield* socket.writer, peer))
  yield* Effect.addFinalizer(() =>
    Effect.sync(() => {
      self.isClosed = true
    })
  )
  return self as Socket
})

/**
 * Opens a socket that sends to anybody and receives from anybody, until the scope closes. Port 0 is any free port.
 *
 * **Errors**: `listen` with `AddressInUse`, `AddressNotAvailable`, `PermissionDenied`, `InvalidAddress` (a link-local address
 * of IPv6 without its zone), `InvalidOption`. **Interruption** closes it again.
 *
 * ```ts
 * import * as Datagram from "@effect-sockets/socket/Datagram"
 * import * as MemoryNetwork from "@effect-sockets/socket/MemoryNetwork"
 * import { Effect } from "effect"
 * import * as NetAddress from "effect/net/NetAddress"
 * const port = Datagram.bind(NetAddress.inetAddressFromStringUnsafe("127.0.0.1:13"))
 * const error = Effect.scoped(Effect.andThen(port, Effect.flip(port)))
 * const { message } = await Effect.runPromise(Effect.provide(error, MemoryNetwork.layer()))
 * message // => "listen 127.0.0.1:13: address already in use"
 * ```
 *
 * @category constructors
 * @since 0.1.0
 */
export const bind = (
  address: NetAddress.InetAddress,
  options: Options = {}
): Effect.Effect<Socket, NetworkError.NetworkError, DatagramNetwork | Scope.Scope> => open(address, undefined, options)

/** Any port of any address, in the family of the peer. */
const anyLocal = (peer: NetAddress.InetAddress): NetAddress.InetAddress =>
  NetAddress.inetAddressUnsafe(
    NetAddress.isInetAddressV4(peer) ? NetAddress.ipv4Unspecified : NetAddress.ipv6Unspecified,
    0
  )

/**
 * Opens a socket that sends to one peer and hears only from it, until the scope closes. A name's first address is taken:
 * there is no handshake that could fail and let another one be tried.
 *
 * **Errors**: `connect` with `Resolution`, `InvalidOption` and those of `bind`. That nobody listens at the peer's port shows
 * later, as `ConnectionRefused` of a `send` or a `receive`, and only if the network says so. **Interruption** closes it.
 *
 * ```ts
 * import * as Resolver from "@effect-sockets/resolver/Resolver"
 * import * as Datagram from "@effect-sockets/socket/Datagram"
 * import * as MemoryNetwork from "@effect-sockets/socket/MemoryNetwork"
 * import { Effect, Layer } from "effect"
 * const hosts = { "time.test": ["127.0.0.1"] }
 * const asked = Effect.tap(Datagram.connect("time.test", 13), (socket) => Datagram.send(socket, ""))
 * const error = Effect.scoped(Effect.flip(Effect.flatMap(asked, Datagram.receive)))
 * const layer = Layer.merge(MemoryNetwork.layer(), Resolver.layerStatic({ hosts }))
 * const { reason } = await Effect.runPromise(Effect.provide(error, layer))
 * reason._tag // => "ConnectionRefused"
 * ```
 *
 * @category constructors
 * @since 0.1.0
 */
export const connect: {
  (
    address: NetAddress.InetAddress,
    options?: Options
  ): Effect.Effect<Socket, NetworkError.NetworkError, DatagramNetwork | Scope.Scope>
  (
    host: Resolver.HostInput,
    port: number,
    options?: Options
  ): Effect.Effect<Socket, NetworkError.NetworkError, DatagramNetwork | Resolver.Resolver | Scope.Scope>
} = (
  host: NetAddress.InetAddress | Resolver.HostInput,
  portOrOptions?: number | Options,
  options: Options = {}
): Effect.Effect<Socket, NetworkError.NetworkError, DatagramNetwork | Scope.Scope> => {
  if (typeof portOrOptions !== "number") {
    // What is not there is no address either.
    const peer = (host ?? null) as NetAddress.InetAddress
    return open(anyLocal(peer), peer, portOrOptions ?? {})
  }
  const port = portOrOptions
  const name = String(host)
  const invalid = InvalidOption.find({ port }, { port: InvalidOption.integer(1, 65_535) })
  if (invalid !== undefined) return Effect.fail(NetworkError.make("connect", `${name}:${port}`, invalid))
  return Resolver.lookup(host as Resolver.HostInput).pipe(
    Effect.mapError((error) => NetworkError.make("connect", `${name}:${port}`, { _tag: "Resolution", error })),
    Effect.flatMap(([address]) => {
      const peer = NetAddress.inetAddressUnsafe(address, port)
      return open(anyLocal(peer), peer, options)
    })
    // The overload with a name says that it needs a resolver.
  ) as Effect.Effect<Socket, NetworkError.NetworkError, DatagramNetwork | Scope.Scope>
}

/**
 * Sends one message, to `to` or, on a connected socket, to its peer. Text is sent as UTF-8. It succeeds when the kernel
 * has it, which says nothing of whether it arrives.
 *
 * **Errors**: `write` with `MessageTooLong`, `ConnectionRefused` (on a connected socket, of an earlier message),
 * `HostUnreachable`, `PermissionDenied`, `InvalidAddress` (port 0, or an address of the other family), `Closed`.
 * **Interruption**: the message has gone or not.
 *
 * ```ts
 * import * as Datagram from "@effect-sockets/socket/Datagram"
 * import * as MemoryNetwork from "@effect-sockets/socket/MemoryNetwork"
 * import { Effect } from "effect"
 * import * as NetAddress from "effect/net/NetAddress"
 * const port = Datagram.bind(NetAddress.inetAddressFromStringUnsafe("127.0.0.1:13"))
 * const error = Effect.flatMap(port, (socket) => Effect.flip(Datagram.send(socket, "x".repeat(70_000), socket.localAddress)))
 * const { reason } = await Effect.runPromise(Effect.provide(Effect.scoped(error), MemoryNetwork.layer()))
 * reason._tag // => "MessageTooLong"
 * ```
 *
 * @category writing
 * @since 0.1.0
 */
export const send = (
  self: Socket,
  payload: Uint8Array | string,
  to?: NetAddress.InetAddress
): Effect.Effect<void, NetworkError.NetworkError> =>
  Effect.suspend(() => {
    const { isClosed, remoteAddress, writer } = self as SocketImpl
    // Effect's writer would wait for the next reader.
    if (isClosed) return Effect.fail(NetworkError.make("write", to ?? self.localAddress, { _tag: "Closed" }))
    const problem = to === undefined ? undefined : destinationProblem(to, self.localAddress)
    if (problem !== undefined) return Effect.fail(NetworkError.make("write", nameOf(to), problem))
    const address = to ?? remoteAddress
    if (address === undefined || (to !== undefined && remoteAddress !== undefined)) {
      const detail = to === undefined ? "a socket without a peer needs one" : "a connected socket has one already"
      return Effect.fail(
        NetworkError.make("write", to ?? self.localAddress, {
          _tag: "InvalidAddress",
          detail: `destination: ${detail}`
        })
      )
    }
    return Effect.mapError(writer.write({ payload, address: to }), (error) =>
      NetworkError.make("write", address, toReason(error))
    )
  })

/**
 * The next message, and who sent it. It waits until there is one.
 *
 * **Errors**: `read` with `ConnectionRefused` (on a connected socket, once for each time that the network says so),
 * `Closed`. **Interruption** loses no datagram: the next `receive` has it.
 *
 * ```ts
 * import * as Datagram from "@effect-sockets/socket/Datagram"
 * import * as MemoryNetwork from "@effect-sockets/socket/MemoryNetwork"
 * import { Effect, Option } from "effect"
 * import * as NetAddress from "effect/net/NetAddress"
 * const port = Datagram.bind(NetAddress.inetAddressFromStringUnsafe("127.0.0.1:13"))
 * const nobody = Effect.scoped(Effect.flatMap(port, (socket) => Effect.timeoutOption(Datagram.receive(socket), "5 millis")))
 * await Effect.runPromise(Effect.provide(nobody, MemoryNetwork.layer())) // => Option.none()
 * ```
 *
 * @category reading
 * @since 0.1.0
 */
export const receive = (self: Socket): Effect.Effect<Datagram, NetworkError.NetworkError> =>
  (self as SocketImpl).receive

const multicast: InvalidOption.Check = (value) =>
  NetAddress.isIpAddress(value) && NetAddress.isMulticast(value) ? undefined : "a multicast address"

/**
 * Joins a multicast group until the scope closes: on an interface, from one source if it is given.
 *
 * **Errors**: `listen` with `Unsupported` where the network has no multicast (the memory network), or the system's reason;
 * `InvalidOption` for a group that is none.
 *
 * ```ts
 * import * as Datagram from "@effect-sockets/socket/Datagram"
 * import * as MemoryNetwork from "@effect-sockets/socket/MemoryNetwork"
 * import { Effect } from "effect"
 * import * as NetAddress from "effect/net/NetAddress"
 * const group = NetAddress.ipFromStringUnsafe("239.1.2.3") as NetAddress.MulticastAddress
 * const port = Datagram.bind(NetAddress.inetAddressFromStringUnsafe("127.0.0.1:5353"))
 * const error = Effect.flatMap(port, (socket) => Effect.flip(Datagram.joinMulticast(socket, { group })))
 * const { reason } = await Effect.runPromise(Effect.provide(Effect.scoped(error), MemoryNetwork.layer()))
 * reason._tag // => "Unsupported"
 * ```
 *
 * @category configuring
 * @since 0.1.0
 */
export const joinMulticast = <A extends NetAddress.IpAddress>(
  self: Socket,
  options: {
    readonly group: NetAddress.MulticastAddress<A>
    readonly interface?: NetAddress.MulticastInterface<A> | undefined
    readonly source?: A | undefined
  }
): Effect.Effect<void, NetworkError.NetworkError, Scope.Scope> => {
  // Which group has no default.
  const invalid = InvalidOption.find({ ...options, group: options?.group ?? null }, { group: multicast })
  if (invalid !== undefined) return Effect.fail(NetworkError.make("listen", self.localAddress, invalid))
  return Effect.mapError((self as SocketImpl).reader.joinMulticast(options), (error) =>
    NetworkError.make("listen", self.localAddress, toReason(error))
  )
}
