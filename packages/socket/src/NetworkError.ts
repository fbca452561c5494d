// @effect-diagnostics schemaNumber:off
/**
 * The one error of this package: what was being done, with which address, and why it failed.
 */
import * as Schema from "effect/Schema"
import * as NetAddress from "effect/net/NetAddress"
import { describe as describeOption } from "@effect-sockets/resolver/InvalidOption"
import { ResolverError } from "@effect-sockets/resolver/ResolverError"

/** What the error is about may be the number itself: to make an error must not fail. */
const Count = Schema.Number

/**
 * Why a socket operation failed.
 *
 * - `AddressInUse`: another socket has the address (EADDRINUSE)
 * - `AddressNotAvailable`: this machine has no such address, or no free local port (EADDRNOTAVAIL, ENODEV)
 * - `PermissionDenied`: the process may not use the port or path (EACCES, EPERM), or `access` does not allow the address
 * - `ConnectionRefused`: nobody listens there (ECONNREFUSED; for a socket path also ENOENT)
 * - `ConnectionReset`: the peer, or this side by `reset`, cut the connection (ECONNRESET, EPIPE, ECONNABORTED)
 * - `TimedOut`: a deadline passed, after `millis` where it was ours (ETIMEDOUT)
 * - `HostUnreachable`, `NetworkUnreachable`: no route (EHOSTUNREACH, ENETUNREACH)
 * - `OutOfDescriptors`: the process or the system has no file descriptor left (EMFILE, ENFILE)
 * - `Closed`: the operation came after `close`, `endWrite` or the end of the scope
 * - `UnexpectedEof`: the input ended after `received` of `expected` bytes, or within a frame of unknown length
 * - `LineTooLong`: no delimiter within `limit` bytes
 * - `FrameTooLong`: a frame has more than `limit` bytes, or announces as many
 * - `InvalidFrame`: the input is none of the frames that were asked for; `detail` says why
 * - `InputTooLong`: the input did not end within `limit` bytes
 * - `MessageTooLong`: a datagram is longer than the way takes (EMSGSIZE)
 * - `InvalidAddress`: the address cannot be used; `detail` says why
 * - `InvalidOption`: an option has a value that cannot be meant: its name, the value, and what it must be
 * - `Resolution`: the name could not be resolved; `error` says why
 * - `Tls`: the TLS layer failed; `code` is OpenSSL's
 * - `Unsupported`: this network cannot do it
 * - `Unknown`: any other `code`
 *
 * ```ts
 * import * as NetworkError from "@effect-sockets/socket/NetworkError"
 * const reason: NetworkError.Reason = { _tag: "LineTooLong", limit: 80 }
 * NetworkError.describe(reason) // => "no end of line within 80 bytes"
 * ```
 *
 * @category errors
 * @since 0.1.0
 */
export const Reason = Schema.TaggedUnion({
  AddressInUse: {},
  AddressNotAvailable: {},
  PermissionDenied: {},
  ConnectionRefused: {},
  ConnectionReset: {},
  TimedOut: { millis: Schema.optionalKey(Count) },
  HostUnreachable: {},
  NetworkUnreachable: {},
  OutOfDescriptors: {},
  Closed: {},
  UnexpectedEof: { expected: Schema.optionalKey(Count), received: Count },
  LineTooLong: { limit: Count },
  FrameTooLong: { limit: Count },
  InvalidFrame: { detail: Schema.String },
  InputTooLong: { limit: Count },
  MessageTooLong: {},
  InvalidAddress: { detail: Schema.String },
  InvalidOption: { option: Schema.String, value: Schema.String, mustBe: Schema.String },
  Resolution: { error: ResolverError },
  Tls: { code: Schema.String, detail: Schema.String },
  Unsupported: { detail: Schema.String },
  Unknown: { code: Schema.String, detail: Schema.String }
})

/**
 * Why a socket operation failed.
 *
 * @category errors
 * @since 0.1.0
 */
export type Reason = typeof Reason.Type

/**
 * What was being done when it failed.
 *
 * ```ts
 * import * as NetworkError from "@effect-sockets/socket/NetworkError"
 * const whileOpen = NetworkError.Operation.pick(["read", "write", "close"]).literals
 * whileOpen.length // => 3
 * ```
 *
 * @category errors
 * @since 0.1.0
 */
export const Operation = Schema.Literals([
  "connect",
  "listen",
  "accept",
  "read",
  "write",
  "close",
  "open",
  "tls",
  "configure"
])

/**
 * What was being done when it failed.
 *
 * @category errors
 * @since 0.1.0
 */
export type Operation = typeof Operation.Type

const words: { readonly [K in Reason["_tag"]]: (reason: Extract<Reason, { _tag: K }>) => string } = {
  AddressInUse: () => "address already in use",
  AddressNotAvailable: () => "address not available on this machine",
  PermissionDenied: () => "permission denied",
  ConnectionRefused: () => "connection refused",
  ConnectionReset: () => "connection reset",
  TimedOut: ({ millis }) => (millis === undefined ? "timed out" : `timed out after ${millis} ms`),
  HostUnreachable: () => "no route to host",
  NetworkUnreachable: () => "network unreachable",
  OutOfDescriptors: () => "out of file descriptors",
  Closed: () => "the socket is closed",
  UnexpectedEof: ({ expected, received }) =>
    expected === undefined
      ? `input ended after ${received} bytes of an unfinished frame`
      : `input ended after ${received} of ${expected} bytes`,
  LineTooLong: ({ limit }) => `no end of line within ${limit} bytes`,
  FrameTooLong: ({ limit }) => `a frame is longer than ${limit} bytes`,
  InvalidFrame: ({ detail }) => `invalid frame: ${detail}`,
  InputTooLong: ({ limit }) => `input is longer than ${limit} bytes`,
  MessageTooLong: () => "message too long",
  InvalidAddress: ({ detail }) => `invalid address: ${detail}`,
  InvalidOption: describeOption,
  Resolution: ({ error }) => error.message,
  Tls: ({ code, detail }) => `TLS: ${detail} (${code})`,
  Unsupported: ({ detail }) => `not supported: ${detail}`,
  Unknown: ({ code, detail }) => (detail.includes(code) ? detail : `${detail} (${code})`)
}

const retryable: ReadonlySet<Reason["_tag"]> = new Set([
  "AddressInUse",
  "ConnectionRefused",
  "ConnectionReset",
  "TimedOut",
  "HostUnreachable",
  "NetworkUnreachable",
  "OutOfDescriptors"
])

/**
 * A failed socket operation. `message` is one line that names the operation and the address, for example
 * `connect 127.0.0.1:8080: connection refused`.
 *
 * ```ts
 * import * as NetworkError from "@effect-sockets/socket/NetworkError"
 * import { Effect } from "effect"
 * const connect = NetworkError.make("connect", "127.0.0.1:80", { _tag: "ConnectionRefused" })
 * connect.isRetryable // => true
 * const orElse = Effect.catchReason(connect, "NetworkError", "ConnectionRefused", () => Effect.succeed("nobody is there"))
 * await Effect.runPromise(orElse) // => "nobody is there"
 * ```
 *
 * @category errors
 * @since 0.1.0
 */
export class NetworkError extends Schema.TaggedError<NetworkError>()("NetworkError", {
  operation: Operation,
  /** The address as text: `127.0.0.1:8080`, `[::1]:8080`, `localhost:8080` or a socket path. */
  address: Schema.String,
  reason: Reason,
  /** What `open` tried, each address with its own reason, in the order of the attempts. */
  attempts: Schema.optionalKey(Schema.Array(Schema.suspend((): Schema.Codec<NetworkError, unknown> => NetworkError)))
}) {
  override get message(): string {
    const { attempts = [] } = this
    // The one address that was asked for need not be named again.
    const isNews =
      attempts.length > 1 || attempts[0]?.address !== this.address || attempts[0].reason._tag !== this.reason._tag
    const tried = attempts.length > 0 && isNews ? ` [${attempts.map(({ message }) => message).join("; ")}]` : ""
    return `${this.operation} ${this.address}: ${describe(this.reason)}${tried}`
  }

  /** Whether the same operation may succeed later, with nothing changed on this side. */
  get isRetryable(): boolean {
    return this.reason._tag === "Resolution" ? this.reason.error.isTemporary : retryable.has(this.reason._tag)
  }
}

/**
 * The error of an operation at an address, with its reason. It never throws, whatever the reason's numbers are.
 *
 * ```ts
 * import * as NetworkError from "@effect-sockets/socket/NetworkError"
 * NetworkError.make("read", "[::1]:80", { _tag: "TimedOut", millis: 500 }).message // => "read [::1]:80: timed out after 500 ms"
 * ```
 *
 * @category errors
 * @since 0.1.0
 */
export const make = (
  operation: Operation,
  address: NetAddress.SocketAddress | string,
  reason: Reason,
  attempts?: ReadonlyArray<NetworkError>
): NetworkError =>
  new NetworkError(
    {
      operation,
      address: typeof address === "string" ? address : NetAddress.formatSocketAddress(address),
      reason,
      ...(attempts === undefined || attempts.length === 0 ? {} : { attempts })
    },
    { disableChecks: true }
  )

/**
 * Whether a value is a `NetworkError`.
 *
 * ```ts
 * import * as NetworkError from "@effect-sockets/socket/NetworkError"
 * NetworkError.isNetworkError(NetworkError.make("read", "/run/app.sock", { _tag: "Closed" })) // => true
 * NetworkError.isNetworkError(new Error("closed")) // => false
 * ```
 *
 * @category guards
 * @since 0.1.0
 */
export const isNetworkError = Schema.is(NetworkError)

/**
 * The reason in words, without operation and address.
 *
 * ```ts
 * import * as NetworkError from "@effect-sockets/socket/NetworkError"
 * NetworkError.describe({ _tag: "UnexpectedEof", expected: 4, received: 1 }) // => "input ended after 1 of 4 bytes"
 * ```
 *
 * @category formatting
 * @since 0.1.0
 */
export const describe = (reason: Reason): string => (words[reason._tag] as (reason: Reason) => string)(reason)

const badArgument = (detail: string): Reason => ({ _tag: "InvalidAddress", detail })

const byCode: { readonly [code: string]: Reason | ((detail: string) => Reason) } = {
  EADDRINUSE: { _tag: "AddressInUse" },
  EADDRNOTAVAIL: { _tag: "AddressNotAvailable" },
  // Of a multicast group that is joined on an address or interface that this machine lacks.
  ENODEV: { _tag: "AddressNotAvailable" },
  EACCES: { _tag: "PermissionDenied" },
  EPERM: { _tag: "PermissionDenied" },
  ECONNREFUSED: { _tag: "ConnectionRefused" },
  ECONNRESET: { _tag: "ConnectionReset" },
  EPIPE: { _tag: "ConnectionReset" },
  ECONNABORTED: { _tag: "ConnectionReset" },
  ETIMEDOUT: { _tag: "TimedOut" },
  EHOSTUNREACH: { _tag: "HostUnreachable" },
  EHOSTDOWN: { _tag: "HostUnreachable" },
  ENETUNREACH: { _tag: "NetworkUnreachable" },
  ENETDOWN: { _tag: "NetworkUnreachable" },
  EMFILE: { _tag: "OutOfDescriptors" },
  ENFILE: { _tag: "OutOfDescriptors" },
  EMSGSIZE: { _tag: "MessageTooLong" },
  EAFNOSUPPORT: { _tag: "Unsupported", detail: "this address family" },
  ERR_SOCKET_BAD_PORT: badArgument,
  ERR_INVALID_IP_ADDRESS: badArgument,
  ERR_INVALID_ARG_VALUE: badArgument,
  ERR_OUT_OF_RANGE: badArgument,
  ERR_STREAM_DESTROYED: { _tag: "Closed" },
  ERR_SOCKET_CLOSED: { _tag: "Closed" },
  ERR_SERVER_NOT_RUNNING: { _tag: "Closed" }
}

/**
 * The reason for a system error, by its `code`: the one table from errno to `Reason`.
 *
 * ```ts
 * import * as NetworkError from "@effect-sockets/socket/NetworkError"
 * const cause = Object.assign(new Error("listen EADDRINUSE: address already in use"), { code: "EADDRINUSE" })
 * NetworkError.reasonFromCause(cause) // => { _tag: "AddressInUse" }
 * NetworkError.reasonFromCause("no code")._tag // => "Unknown"
 * ```
 *
 * @category converting
 * @since 0.1.0
 */
export const reasonFromCause = (cause: unknown): Reason => {
  const detail = (cause instanceof Error ? cause.message : String(cause)).split("\n", 1)[0]
  const code = typeof cause === "object" && cause !== null && "code" in cause ? String(cause.code) : "UNKNOWN"
  const known = byCode[code] ?? { _tag: "Unknown", code, detail }
  return typeof known === "function" ? known(detail) : known
}
