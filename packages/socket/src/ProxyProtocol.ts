/**
 * HAProxy's PROXY protocol: what a proxy says of the connection that it relays, before the first byte of it. Versions 1
 * (a line of text) and 2 (binary). Section numbers are those of its specification, `doc/proxy-protocol.txt` of HAProxy.
 *
 * A header is believed by nobody but whoever reads it: read one only from peers that are trusted to send it, and then
 * always, never "if there is one" (section 2): otherwise any client can pass for another.
 */
import * as Effect from "effect/Effect"
import { dual } from "effect/Function"
import * as NetAddress from "effect/net/NetAddress"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import type { Decoded, Header, Proxied } from "./internal/proxy/Header.ts"
import * as V1 from "./internal/proxy/V1.ts"
import * as V2 from "./internal/proxy/V2.ts"
import * as InvalidOption from "@effect-sockets/resolver/InvalidOption"
import type { ReadAttempt, StreamState } from "./internal/stream/StreamState.ts"
import type { NetworkError } from "./NetworkError.ts"
import { isSocketStream, type SocketStream } from "./SocketStream.ts"

// The data -----------------------------------------------------------------------------------------------------------

export type {
  Bytes,
  Decoded,
  Header,
  Local,
  Other,
  Proxied,
  Ssl,
  SslTlv,
  Text,
  Tlv,
  Unknown
} from "./internal/proxy/Header.ts"

/**
 * A header of version 2 for a stream, without TLVs.
 *
 * ```ts
 * import * as ProxyProtocol from "@effect-sockets/socket/ProxyProtocol"
 * import * as NetAddress from "effect/net/NetAddress"
 *
 * const at = NetAddress.inetAddressFromStringUnsafe
 * const header = ProxyProtocol.proxied(at("192.0.2.7:4711"), at("203.0.113.1:80"))
 * ProxyProtocol.encodeUnsafe(header).length // => 16 + 12
 * ```
 *
 * @category constructors
 * @since 0.1.0
 */
export const proxied = (source: NetAddress.SocketAddress, destination: NetAddress.SocketAddress): Proxied => ({
  _tag: "Proxied",
  version: 2,
  transport: "stream",
  source,
  destination,
  tlvs: []
})

// The codec ----------------------------------------------------------------------------------------------------------

/**
 * What is taken for a header.
 *
 * ```ts
 * import * as ProxyProtocol from "@effect-sockets/socket/ProxyProtocol"
 *
 * const options: ProxyProtocol.Options = { maxBytes: 32 }
 * const header = ProxyProtocol.encodeUnsafe({ _tag: "Local", version: 2, tlvs: [{ _tag: "Noop", length: 100 }] })
 * ProxyProtocol.decode(header)._tag // => "Complete"
 * ProxyProtocol.decode(header, options)._tag // => "Invalid"
 * ```
 *
 * @category options
 * @since 0.1.0
 */
export interface Options {
  /**
   * Bytes of a whole header of version 2, from 16 to 65,551. Default 4096: room for a client's certificate, which has 1
   * to 2 KB. Version 1 has 107 bytes at most, always.
   */
  readonly maxBytes?: number | undefined
}

const checks = { maxBytes: InvalidOption.integer(16, 65_551) }

const defaultMaxBytes = 4096

/** `PROXY` (section 2.2, "identifying the protocol version"). */
const v1Signature = Uint8Array.of(0x50, 0x52, 0x4f, 0x58, 0x59)

/**
 * Reads a header from the first bytes of a connection, all that have come so far: as soon as they can be no header it
 * says so, and nothing behind the header is looked at. Keeps no state, and nothing of `bytes`.
 *
 * Version 1 is taken strictly: addresses and ports without leading zeros, single spaces, CR LF. Of version 2, TLVs are
 * data and not judged, but for their lengths and a checksum. `LOCAL` and `UNSPEC` are accepted with whatever they carry.
 *
 * With a `maxBytes` that cannot be meant every header is `Invalid`, and says so.
 *
 * ```ts
 * import * as ProxyProtocol from "@effect-sockets/socket/ProxyProtocol"
 *
 * const line = new TextEncoder().encode("PROXY UNKNOWN\r\nGET /")
 * ProxyProtocol.decode(line) // => { _tag: "Complete", length: 15, header: { _tag: "Unknown", version: 1, tlvs: [] } }
 * ProxyProtocol.decode(line.subarray(0, 8)) // => { _tag: "NeedMore", atLeast: 15 }
 * ```
 *
 * @category encoding
 * @since 0.1.0
 */
export const decode = (bytes: Uint8Array, options: Options = {}): Decoded => {
  const invalid = InvalidOption.find(options, checks)
  if (invalid !== undefined) return { _tag: "Invalid", at: 0, why: InvalidOption.describe(invalid) }
  const isV2 = bytes[0] === V2.signature[0]
  const signature = isV2 ? V2.signature : v1Signature
  for (let i = 0; i < signature.length && i < bytes.length; i++) {
    if (bytes[i] !== signature[i]) return { _tag: "NotProxy" }
  }
  return isV2 ? V2.decode(bytes, options.maxBytes ?? defaultMaxBytes) : V1.decode(bytes)
}

/**
 * Why there is no header.
 *
 * - `NotProxy`: the connection begins with something else
 * - `Invalid`: it begins as a header, with byte `at` or what begins there wrong
 * - `Unencodable`: the data has no such form
 *
 * ```ts
 * import * as ProxyProtocol from "@effect-sockets/socket/ProxyProtocol"
 *
 * const reason = ProxyProtocol.Reason.make({ _tag: "Invalid", at: 6, why: "a protocol" })
 * new ProxyProtocol.ProxyProtocolError({ reason }).message // => "PROXY header: a protocol, at byte 6"
 * ```
 *
 * @category errors
 * @since 0.1.0
 */
export const Reason = Schema.TaggedUnion({
  NotProxy: {},
  Invalid: { at: Schema.Int, why: Schema.String },
  Unencodable: { why: Schema.String }
})

/**
 * Why there is no header.
 *
 * @category errors
 * @since 0.1.0
 */
export type Reason = typeof Reason.Type

/**
 * A header that is missing or wrong, or that cannot be written. `message` is one line.
 *
 * ```ts
 * import * as ProxyProtocol from "@effect-sockets/socket/ProxyProtocol"
 * import { Result } from "effect"
 *
 * const written = ProxyProtocol.encode({ _tag: "Unknown", version: 1, tlvs: [{ _tag: "Crc32c" }] })
 * Result.isFailure(written) && written.failure.reason._tag // => "Unencodable"
 * ```
 *
 * @category errors
 * @since 0.1.0
 */
export class ProxyProtocolError extends Schema.TaggedError<ProxyProtocolError>()("ProxyProtocolError", {
  /** The peer that should have sent the header, as text. */
  address: Schema.optionalKey(Schema.String),
  reason: Reason
}) {
  override get message(): string {
    const { address, reason } = this
    if (reason._tag === "Unencodable") return `PROXY header: ${reason.why}`
    const peer = address === undefined ? "" : ` from ${address}`
    return reason._tag === "NotProxy"
      ? `no PROXY header${peer}`
      : `PROXY header${peer}: ${reason.why}, at byte ${reason.at}`
  }
}

/**
 * Whether a value is a `ProxyProtocolError`.
 *
 * ```ts
 * import * as ProxyProtocol from "@effect-sockets/socket/ProxyProtocol"
 * import * as SocketStream from "@effect-sockets/socket/SocketStream"
 * import * as SocketPair from "@effect-sockets/socket/testing/SocketPair"
 * import { Effect } from "effect"
 *
 * const program = Effect.gen(function* () {
 *   const [client, server] = yield* SocketPair.make()
 *   yield* SocketStream.write(client, "GET /")
 *   return yield* Effect.flip(ProxyProtocol.read(server))
 * })
 * const error = await Effect.runPromise(Effect.scoped(program))
 * ProxyProtocol.isProxyProtocolError(error) && error.reason // => { _tag: "NotProxy" }
 * ```
 *
 * @category guards
 * @since 0.1.0
 */
export const isProxyProtocolError = Schema.is(ProxyProtocolError)

/**
 * The bytes of a header. Send them first and at once.
 *
 * **Errors**: `Unencodable`: in version 1 TLVs, datagrams and paths; addresses of two kinds; a path of more than 108
 * bytes; a TLV that does not fit.
 *
 * ```ts
 * import * as ProxyProtocol from "@effect-sockets/socket/ProxyProtocol"
 * import { Result } from "effect"
 *
 * const bytes = ProxyProtocol.encode({ _tag: "Local", version: 2, tlvs: [] })
 * Result.isSuccess(bytes) && bytes.success.length // => 16
 * ```
 *
 * @category encoding
 * @since 0.1.0
 */
export const encode = (header: Header): Result.Result<Uint8Array, ProxyProtocolError> => {
  const bytes = header.version === 1 ? V1.encode(header) : V2.encode(header)
  return typeof bytes === "string"
    ? Result.fail(ProxyProtocolError.make({ reason: { _tag: "Unencodable", why: bytes } }))
    : Result.succeed(bytes)
}

/**
 * As `encode`, for a header that is known to be right: throws the `ProxyProtocolError`.
 *
 * ```ts
 * import * as ProxyProtocol from "@effect-sockets/socket/ProxyProtocol"
 *
 * const header = ProxyProtocol.encodeUnsafe({ _tag: "Unknown", version: 2, tlvs: [] })
 * header.length // => 16
 * ```
 *
 * @category encoding
 * @since 0.1.0
 */
export const encodeUnsafe = (header: Header): Uint8Array => Result.getOrThrow(encode(header))

// Reading from a stream ----------------------------------------------------------------------------------------------

const attempt =
  (options: Options): ReadAttempt<Header> =>
  (core) => {
    const { ended, input } = core
    const most = Math.max(V1.longest, options.maxBytes ?? defaultMaxBytes)
    const bytes = new Uint8Array(Math.min(input.size, most))
    for (let i = 0; i < bytes.length; i++) bytes[i] = input.peek(i)
    const decoded = decode(bytes, options)
    if (decoded._tag === "Complete") {
      input.skip(decoded.length)
      return Effect.succeed(decoded.header)
    }
    if (decoded._tag === "NeedMore") {
      const { atLeast: expected } = decoded
      return ended
        ? Effect.fail(core.error("read", { _tag: "UnexpectedEof", expected, received: input.size }))
        : core.inputFailure()
    }
    const address = NetAddress.formatSocketAddress(core.remoteAddress)
    const error: Effect.Effect<never, ProxyProtocolError> = Effect.fail(
      ProxyProtocolError.make({ address, reason: decoded })
    )
    // A stream hands an attempt's outcome on as it is; `read` below names this error.
    return error as Effect.Effect<never, never>
  }

const standard = attempt({})

/**
 * Takes the header off the input of a stream, exactly: the next read begins behind it. Bounded by the stream's
 * `readTimeout`, for which section 2 advises a few seconds, not less than 3.
 *
 * **Errors**: `ProxyProtocolError`, as soon as it is clear; `UnexpectedEof` if the input ends before; `TimedOut`,
 * `ConnectionReset`, `Closed`; `InvalidOption`. What came stays readable. **Interruption** loses no byte.
 *
 * ```ts
 * import * as ProxyProtocol from "@effect-sockets/socket/ProxyProtocol"
 * import * as MemoryNetwork from "@effect-sockets/socket/MemoryNetwork"
 * import * as SocketStream from "@effect-sockets/socket/SocketStream"
 * import * as ServerSocket from "@effect-sockets/socket/ServerSocket"
 * import { Effect } from "effect"
 *
 * const program = Effect.gen(function* () {
 *   const port = yield* ServerSocket.listen(4141)
 *   yield* SocketStream.write(yield* SocketStream.open(port.address), "PROXY UNKNOWN\r\nhello")
 *   return yield* ProxyProtocol.read(yield* ServerSocket.accept(port))
 * })
 * const live = MemoryNetwork.layer()
 * await program.pipe(Effect.scoped, Effect.provide(live), Effect.runPromise) // => { _tag: "Unknown", version: 1, tlvs: [] }
 * ```
 *
 * @category reading
 * @since 0.1.0
 */
export const read: {
  (options?: Options): (self: SocketStream) => Effect.Effect<Header, NetworkError | ProxyProtocolError>
  (self: SocketStream, options?: Options): Effect.Effect<Header, NetworkError | ProxyProtocolError>
} = dual(
  (args) => isSocketStream(args[0]),
  (self: SocketStream, options?: Options): Effect.Effect<Header, NetworkError | ProxyProtocolError> => {
    if (options === undefined) return (self as StreamState).read(standard)
    const invalid = InvalidOption.find(options, checks)
    return invalid === undefined
      ? (self as StreamState).read(attempt(options))
      : Effect.fail((self as StreamState).error("read", invalid))
  }
)
