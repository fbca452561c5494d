/**
 * Ways to reach a host: directly, or through proxies. A dialer is a function from a host and a port to a stream, and so
 * whatever stands between is a function from one dialer to another: they compose.
 *
 * Names are not looked up here but by whoever connects last: the proxy at the far end of the chain.
 *
 * **Interruption** of a dial leaves no connection, at whatever point of the way it is.
 */
import type { HostInput, Resolver } from "@effect-sockets/resolver/Resolver"
import * as Ipaddr from "@effect-sockets/ipaddr/Ipaddr"
import * as InvalidOption from "@effect-sockets/resolver/InvalidOption"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as NetAddress from "effect/net/NetAddress"
import * as Option from "effect/Option"
import * as Result from "effect/Result"
import type * as Scope from "effect/Scope"
import * as HttpConnect from "./internal/dialer/HttpConnect.ts"
import * as ProxyTarget from "./internal/dialer/ProxyTarget.ts"
import * as Socks5 from "./internal/dialer/Socks5.ts"
import type { Network } from "./Network.ts"
import { make as makeError, type NetworkError, type Reason } from "./NetworkError.ts"
import { encode, type Header } from "./ProxyProtocol.ts"
import * as SocketStream from "./SocketStream.ts"
import type * as Tls from "./Tls.ts"

/**
 * From a host and a port to an open stream, which the scope owns.
 *
 * ```ts
 * import * as Dialer from "@effect-sockets/socket/Dialer"
 * import * as MemoryNetwork from "@effect-sockets/socket/MemoryNetwork"
 * import * as Server from "@effect-sockets/socket/Server"
 * import * as ServerSocket from "@effect-sockets/socket/ServerSocket"
 * import * as SocketStream from "@effect-sockets/socket/SocketStream"
 * import * as Resolver from "@effect-sockets/resolver/Resolver"
 * import { Effect, Layer, Option } from "effect"
 *
 * const careful = (first: Dialer.Dialer, other: Dialer.Dialer): Dialer.Dialer => (host, port) =>
 *   Effect.catch(first(host, port), () => other(host, port))
 * const program = Effect.gen(function* () {
 *   yield* Server.start(yield* ServerSocket.listen(7), (stream) => SocketStream.writeLine(stream, "directly"))
 *   const stream = yield* careful(Dialer.socks5("127.0.0.1", 1080)(Dialer.direct()), Dialer.direct())("127.0.0.1", 7)
 *   return yield* SocketStream.readLine(stream)
 * })
 * const live = Layer.merge(MemoryNetwork.layer(), Resolver.layerStatic({}))
 * await program.pipe(Effect.scoped, Effect.provide(live), Effect.runPromise) // => Option.some("directly")
 * ```
 *
 * @category models
 * @since 0.1.0
 */
export type Dialer = (
  host: HostInput,
  port: number
) => Effect.Effect<SocketStream.SocketStream, NetworkError, Network | Resolver | Scope.Scope>

/**
 * The dialer that has nothing between: `SocketStream.open`, with its options.
 *
 * ```ts
 * import * as Dialer from "@effect-sockets/socket/Dialer"
 * import * as MemoryNetwork from "@effect-sockets/socket/MemoryNetwork"
 * import * as Server from "@effect-sockets/socket/Server"
 * import * as ServerSocket from "@effect-sockets/socket/ServerSocket"
 * import * as SocketStream from "@effect-sockets/socket/SocketStream"
 * import * as Resolver from "@effect-sockets/resolver/Resolver"
 * import { Effect, Layer, Option } from "effect"
 *
 * const program = Effect.gen(function* () {
 *   yield* Server.start(yield* ServerSocket.listen(7), (stream) => SocketStream.writeLine(stream, "hello"))
 *   const dial = Dialer.direct({ connectTimeout: "3 seconds" })
 *   return yield* Effect.flatMap(dial("echo.test", 7), SocketStream.readLine())
 * })
 * const live = Layer.merge(MemoryNetwork.layer(), Resolver.layerStatic({ hosts: { "echo.test": ["127.0.0.1"] } }))
 * await program.pipe(Effect.scoped, Effect.provide(live), Effect.runPromise) // => Option.some("hello")
 * ```
 *
 * @category constructors
 * @since 0.1.0
 */
export const direct =
  (options?: SocketStream.OpenOptions): Dialer =>
  (host, port) =>
    SocketStream.open(host, port, options)

/**
 * What a proxy is told and how long it may take.
 *
 * ```ts
 * import * as Dialer from "@effect-sockets/socket/Dialer"
 * import * as MemoryNetwork from "@effect-sockets/socket/MemoryNetwork"
 * import * as Server from "@effect-sockets/socket/Server"
 * import * as ServerSocket from "@effect-sockets/socket/ServerSocket"
 * import * as SocketStream from "@effect-sockets/socket/SocketStream"
 * import * as Resolver from "@effect-sockets/resolver/Resolver"
 * import { Effect, Layer } from "effect"
 *
 * const options: Dialer.ProxyOptions = { credentials: { user: "ada", password: "secret" }, timeout: "50 millis" }
 * const program = Effect.gen(function* () {
 *   yield* Server.start(yield* ServerSocket.listen(1080), () => Effect.never)
 *   return yield* Effect.flip(Dialer.socks5("127.0.0.1", 1080, options)(Dialer.direct())("hidden.test", 80))
 * })
 * const live = Layer.merge(MemoryNetwork.layer(), Resolver.layerStatic({}))
 * const { message } = await program.pipe(Effect.scoped, Effect.provide(live), Effect.runPromise)
 * message // => "open hidden.test:80: timed out after 50 ms"
 * ```
 *
 * @category options
 * @since 0.1.0
 */
export interface ProxyOptions {
  /** Who asks. Sent in clear, unless TLS stands between. SOCKS5: 1 to 255 bytes each; HTTP: no colon in `user`. */
  readonly credentials?: Socks5.Credentials | undefined
  /** How long the proxy may take from when it is reached until it has answered. Default 30 seconds. */
  readonly timeout?: Duration.Input | undefined
}

const checks = { timeout: InvalidOption.positiveDuration }

const defaultTimeout = 30_000

/** Bytes of the head of an answer to CONNECT, and interim answers before it. */
const maxHead = 16_384
const maxInterim = 8

const noAnswer: Reason = { _tag: "UnexpectedEof", received: 0 }

type Step = Effect.Effect<void, NetworkError>

interface Protocol {
  readonly name: string
  readonly isSendable: (credentials: Socks5.Credentials) => boolean
  readonly talk: (
    stream: SocketStream.SocketStream,
    target: ProxyTarget.ProxyTarget,
    credentials: Socks5.Credentials | undefined,
    fail: (reason: Reason) => NetworkError
  ) => Step
}

const invalidOptions = (protocol: Protocol, options: ProxyOptions): Reason | undefined =>
  InvalidOption.find(options, checks) ??
  (options.credentials === undefined || protocol.isSendable(options.credentials)
    ? undefined
    : // The value is not told: messages end in logs.
      { _tag: "InvalidOption", option: "credentials", value: "…", mustBe: `what ${protocol.name} can carry` })

/** The step after the connection: whatever ends it early ends the connection. */
const after = (
  dialed: ReturnType<Dialer>,
  step: (stream: SocketStream.SocketStream) => Effect.Effect<unknown, NetworkError>
): ReturnType<Dialer> =>
  Effect.uninterruptibleMask((restore) =>
    Effect.tap(restore(dialed), (stream) => Effect.onError(restore(step(stream)), () => SocketStream.reset(stream)))
  )

const through =
  (protocol: Protocol, proxyHost: HostInput, proxyPort: number, options: ProxyOptions) =>
  (via: Dialer): Dialer =>
  (host, port) =>
    Effect.suspend(() => {
      const target = ProxyTarget.make(host, port)
      if (Result.isFailure(target)) return Effect.fail(makeError("open", `${String(host)}:${port}`, target.failure))
      const fail = (reason: Reason) => makeError("open", ProxyTarget.format(target.success), reason)
      const invalid = invalidOptions(protocol, options)
      if (invalid !== undefined) return Effect.fail(fail(invalid))
      const millis = InvalidOption.toMillis(options.timeout, defaultTimeout)
      return after(via(proxyHost, proxyPort), (stream) => {
        const talk = protocol.talk(stream, target.success, options.credentials, fail)
        return millis === Infinity
          ? talk
          : Effect.timeoutOrElse(talk, {
              duration: millis,
              orElse: () => Effect.fail(fail({ _tag: "TimedOut", millis }))
            })
      })
    })

const socks: Protocol = {
  name: "SOCKS5",
  isSendable: Socks5.isSendable,
  talk: (stream, target, credentials, fail) =>
    Effect.gen(function* () {
      const told = <A>(result: Result.Result<A, Reason>) => Effect.mapError(Effect.fromResult(result), fail)
      yield* SocketStream.write(stream, Socks5.greeting(credentials))
      const choice = yield* SocketStream.readExactly(stream, Socks5.choiceSize)
      if ((yield* told(Socks5.decodeChoice(choice, credentials !== undefined))) && credentials !== undefined) {
        yield* SocketStream.write(stream, Socks5.encodeCredentials(credentials))
        yield* told(Socks5.decodeVerdict(yield* SocketStream.readExactly(stream, Socks5.choiceSize)))
      }
      yield* SocketStream.write(stream, Socks5.encodeConnect(target))
      // The shortest reply has ten bytes, so five may be awaited.
      const rest = yield* told(Socks5.decodeHead(yield* SocketStream.readExactly(stream, Socks5.headSize)))
      yield* SocketStream.readExactly(stream, rest)
    })
}

/**
 * Through a SOCKS5 proxy (RFC 1928), which looks names up itself.
 *
 * **Errors**: those of the dialer that reaches the proxy; then of `open` and the target's address: `ConnectionRefused`,
 * `HostUnreachable`, `NetworkUnreachable` and `PermissionDenied` as the proxy says, also for credentials that it does not
 * take or asks for; `TimedOut` after `timeout`; `Unknown` with `BAD_REPLY` for what is no SOCKS5; `InvalidOption`,
 * `InvalidAddress`. `UnexpectedEof` and `ConnectionReset` are the proxy's. **Interruption** leaves no connection.
 *
 * ```ts
 * import * as Dialer from "@effect-sockets/socket/Dialer"
 * import * as MemoryNetwork from "@effect-sockets/socket/MemoryNetwork"
 * import * as Server from "@effect-sockets/socket/Server"
 * import * as ServerSocket from "@effect-sockets/socket/ServerSocket"
 * import * as SocketStream from "@effect-sockets/socket/SocketStream"
 * import * as Resolver from "@effect-sockets/resolver/Resolver"
 * import { Effect, Layer, Option, pipe } from "effect"
 *
 * const proxy = Effect.fn(function* (stream: SocketStream.SocketStream) {
 *   yield* SocketStream.readExactly(stream, 3) // its greeting
 *   yield* SocketStream.write(stream, Uint8Array.of(5, 0))
 *   yield* SocketStream.readExactly(stream, 4 + 1 + "hidden.test".length + 2) // where to
 *   yield* SocketStream.write(stream, Uint8Array.of(5, 0, 0, 1, 0, 0, 0, 0, 0, 0))
 *   yield* SocketStream.writeLine(stream, "from behind the proxy")
 * })
 * const program = Effect.gen(function* () {
 *   yield* Server.start(yield* ServerSocket.listen(1080), proxy)
 *   const dial = pipe(Dialer.direct(), Dialer.socks5("127.0.0.1", 1080))
 *   return yield* Effect.flatMap(dial("hidden.test", 80), SocketStream.readLine())
 * })
 * const live = Layer.merge(MemoryNetwork.layer(), Resolver.layerStatic({}))
 * await program.pipe(Effect.scoped, Effect.provide(live), Effect.runPromise) // => Option.some("from behind the proxy")
 * ```
 *
 * @category constructors
 * @since 0.1.0
 */
export const socks5 = (proxyHost: HostInput, proxyPort: number, options: ProxyOptions = {}) =>
  through(socks, proxyHost, proxyPort, options)

const http: Protocol = {
  name: "Basic authentication",
  isSendable: HttpConnect.isSendable,
  talk: (stream, target, credentials, fail) =>
    Effect.gen(function* () {
      yield* SocketStream.write(stream, HttpConnect.encodeRequest(target, credentials))
      for (let heads = 0; heads <= maxInterim; heads++) {
        // A head that is cut off must not count as one.
        const head = yield* SocketStream.readUntil(stream, HttpConnect.headEnd, {
          maxBytes: maxHead,
          requireDelimiter: true
        })
        if (Option.isNone(head)) return yield* makeError("read", stream.remoteAddress, noAnswer)
        const said = yield* Effect.mapError(Effect.fromResult(HttpConnect.decodeHead(head.value)), fail)
        if (said === "open") return
      }
      return yield* fail(ProxyTarget.badReply("the proxy gives no final answer"))
    })
}

/**
 * Through an HTTP proxy by CONNECT (RFC 9110, section 9.3.6), which looks names up itself. Most proxies allow port 443
 * only.
 *
 * **Errors**: as `socks5`: `PermissionDenied` for 401, 403 and 407, `Unknown` with `HTTP_502` and the like otherwise;
 * `LineTooLong` for an answer whose head is longer than 16 KiB. **Interruption** leaves no connection.
 *
 * ```ts
 * import * as Dialer from "@effect-sockets/socket/Dialer"
 * import * as MemoryNetwork from "@effect-sockets/socket/MemoryNetwork"
 * import * as Server from "@effect-sockets/socket/Server"
 * import * as ServerSocket from "@effect-sockets/socket/ServerSocket"
 * import * as SocketStream from "@effect-sockets/socket/SocketStream"
 * import * as Resolver from "@effect-sockets/resolver/Resolver"
 * import { Effect, Layer, pipe } from "effect"
 *
 * const never = (stream: SocketStream.SocketStream) => SocketStream.write(stream, "HTTP/1.1 403 No\r\n\r\n")
 * const program = Effect.gen(function* () {
 *   yield* Server.start(yield* ServerSocket.listen(3128), never)
 *   const dial = pipe(Dialer.direct(), Dialer.httpConnect("127.0.0.1", 3128))
 *   return yield* Effect.flip(dial("hidden.test", 443))
 * })
 * const live = Layer.merge(MemoryNetwork.layer(), Resolver.layerStatic({}))
 * const { message } = await program.pipe(Effect.scoped, Effect.provide(live), Effect.runPromise)
 * message // => "open hidden.test:443: permission denied"
 * ```
 *
 * @category constructors
 * @since 0.1.0
 */
export const httpConnect = (proxyHost: HostInput, proxyPort: number, options: ProxyOptions = {}) =>
  through(http, proxyHost, proxyPort, options)

/**
 * Sends a PROXY header first: `header` of the new stream's own ends unless it is given.
 *
 * **Errors**: `Unsupported` for a header that has no such form. **Interruption** leaves no connection.
 *
 * ```ts
 * import * as Dialer from "@effect-sockets/socket/Dialer"
 * import * as MemoryNetwork from "@effect-sockets/socket/MemoryNetwork"
 * import * as ProxyProtocol from "@effect-sockets/socket/ProxyProtocol"
 * import * as ServerSocket from "@effect-sockets/socket/ServerSocket"
 * import * as Resolver from "@effect-sockets/resolver/Resolver"
 * import { Effect, Layer, pipe } from "effect"
 *
 * const program = Effect.gen(function* () {
 *   const port = yield* ServerSocket.listen(4141)
 *   const dial = pipe(Dialer.direct(), Dialer.proxyHeader({ _tag: "Local", version: 2, tlvs: [] }))
 *   yield* dial("127.0.0.1", 4141)
 *   return yield* Effect.flatMap(ServerSocket.accept(port), ProxyProtocol.read())
 * })
 * const live = Layer.merge(MemoryNetwork.layer(), Resolver.layerStatic({}))
 * await program.pipe(Effect.scoped, Effect.provide(live), Effect.runPromise) // => { _tag: "Local", version: 2, tlvs: [] }
 * ```
 *
 * @category combinators
 * @since 0.1.0
 */
export const proxyHeader =
  (header?: Header | ((stream: SocketStream.SocketStream) => Header)) =>
  (via: Dialer): Dialer =>
  (host, port) =>
    after(via(host, port), (stream) =>
      Effect.suspend(() => {
        const { localAddress, remoteAddress } = stream
        const said = typeof header === "function" ? header(stream) : header
        const bytes = encode(
          said ?? {
            _tag: "Proxied",
            version: 2,
            transport: "stream",
            source: localAddress,
            destination: remoteAddress,
            tlvs: []
          }
        )
        return Result.isSuccess(bytes)
          ? SocketStream.write(stream, bytes.success)
          : Effect.fail(makeError("open", remoteAddress, { _tag: "Unsupported", detail: bytes.failure.message }))
      })
    )

const nameOf = (host: HostInput): string =>
  typeof host === "string" ? host : NetAddress.formatIp(typeof host === "number" ? Ipaddr.toAddress(host) : host)

/**
 * Takes a TLS handshake as the client, with whoever is at the far end. `servername`, for which the certificate must be, is
 * the dialed host unless it is given.
 *
 * **Errors**: as `SocketStream.upgradeTls`; `Unsupported` inside of TLS, so behind a proxy that is itself reached by TLS.
 * **Interruption** leaves no connection.
 *
 * ```ts
 * import * as Dialer from "@effect-sockets/socket/Dialer"
 * import * as MemoryNetwork from "@effect-sockets/socket/MemoryNetwork"
 * import * as ServerSocket from "@effect-sockets/socket/ServerSocket"
 * import * as Resolver from "@effect-sockets/resolver/Resolver"
 * import { Effect, Layer, pipe } from "effect"
 *
 * const program = Effect.gen(function* () {
 *   yield* ServerSocket.listen(443)
 *   return yield* Effect.flip(pipe(Dialer.direct(), Dialer.tls({ alpnProtocols: ["h2"] }))("127.0.0.1", 443))
 * })
 * const live = Layer.merge(MemoryNetwork.layer(), Resolver.layerStatic({}))
 * const error = await program.pipe(Effect.scoped, Effect.provide(live), Effect.runPromise)
 * error.reason._tag // => "Unsupported"
 * ```
 *
 * @category combinators
 * @since 0.1.0
 */
export const tls =
  (options: Tls.ClientOptions = {}) =>
  (via: Dialer): Dialer =>
  (host, port) =>
    after(via(host, port), (stream) => {
      // Also of an address: the stream's own peer may be a proxy, and its certificate must not do.
      const servername = options.servername ?? nameOf(host)
      return SocketStream.upgradeTls(stream, { side: "client", options: { ...options, servername } })
    })
