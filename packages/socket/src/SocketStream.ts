/**
 * One end of an open connection: read bytes and lines, write them, close.
 *
 * **Interruption**: an interrupted read loses no byte, the next read goes on where it was. An interrupted write has sent
 * nothing if it still waited for room, and everything otherwise. An interrupted `open` leaves no connection.
 */
import * as Arr from "effect/Array"
import * as Cause from "effect/Cause"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import { dual } from "effect/Function"
import * as NetAddress from "effect/net/NetAddress"
import * as Option from "effect/Option"
import * as Predicate from "effect/Predicate"
import * as Result from "effect/Result"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import type { HostInput, Resolver } from "@effect-sockets/resolver/Resolver"
import type { Connection, SecureConnection } from "./Connection.ts"
import { connect, type RaceOptions } from "./internal/client/ConnectRace.ts"
import { copy as copyCore } from "./internal/stream/copy.ts"
import { own } from "./internal/stream/scoped.ts"
import type { InputBuffer } from "./internal/stream/InputBuffer.ts"
import type * as Tls from "./Tls.ts"
import { type ReadAttempt, StreamCore, type StreamLimits } from "./internal/stream/StreamState.ts"
import { TypeId } from "./internal/typeId.ts"
import type { Network } from "./Network.ts"
import type { NetworkError } from "./NetworkError.ts"

/** One end of an open connection. */
export interface SocketStream {
  readonly [TypeId]: typeof TypeId
  /** This end's address. */
  readonly localAddress: NetAddress.SocketAddress
  /** The peer's address. */
  readonly remoteAddress: NetAddress.SocketAddress
  /** Bytes of the peer that have come so far, read or not. */
  readonly bytesRead: number
  /** Bytes that the kernel has taken so far, in steps of up to 256 KiB. */
  readonly bytesWritten: number
}

/** Whether a value is a `SocketStream`. */
export const isSocketStream = (u: unknown): u is SocketStream =>
  u instanceof StreamCore || Predicate.hasProperty(u, TypeId)

/** The limits of one stream. */
export interface Options {
  /**
   * How long one read may take, from its start until it has what it wants: a peer that drips single bytes does not
   * extend it. The read fails with `TimedOut`, no byte is lost. Default: for ever.
   */
  readonly readTimeout?: Duration.Input | undefined
  /**
   * How long output may stand still because the peer does not read, seen in steps of 256 KiB. Then the connection is
   * reset and what waits fails with `TimedOut`. Default 60 seconds, nginx's `send_timeout`. It also bounds `close`
   * towards a stalled peer.
   */
  readonly writeTimeout?: Duration.Input | undefined
  /**
   * How long `close` reads on after FIN, so that late input does not make the kernel reset what the peer has not read.
   * Default 2 seconds. 0 does not linger.
   */
  readonly lingerTimeout?: Duration.Input | undefined
  /** How many bytes `close` drains at most while it lingers. Default 16 MiB. */
  readonly lingerBytes?: number | undefined
  /**
   * Bytes buffered in each direction, at least 1: a write waits while as many are unsent, and the peer is held back
   * while as many are unread. Default 64 KiB, as Node's.
   */
  readonly highWaterMark?: number | undefined
}

const defaults: StreamLimits = {
  readTimeout: Infinity,
  writeTimeout: 60_000,
  lingerTimeout: 2000,
  lingerBytes: 16 * 1024 * 1024,
  highWaterMark: 64 * 1024
}

const millis = (input: Duration.Input | undefined, otherwise: number): number =>
  input === undefined ? otherwise : Duration.toMillis(input)

/** @internal */
export const limitsFrom = (options: Options, base: StreamLimits = defaults): StreamLimits => ({
  readTimeout: millis(options.readTimeout, base.readTimeout),
  writeTimeout: millis(options.writeTimeout, base.writeTimeout),
  lingerTimeout: millis(options.lingerTimeout, base.lingerTimeout),
  lingerBytes: options.lingerBytes ?? base.lingerBytes,
  highWaterMark: options.highWaterMark ?? base.highWaterMark
})

const coreOf = (self: SocketStream): StreamCore => self as StreamCore

/** How a connection is opened. */
export interface OpenOptions extends Options, RaceOptions {
  /** Take a TLS handshake on the new connection, as its client. `servername` is the host unless it says otherwise. */
  readonly tls?: Tls.ClientOptions | undefined
  /**
   * How long the connection may last, counted from when it is made. Then it is reset, and what waits fails with
   * `TimedOut`. Default: for ever. For a server it is `maxAge`.
   */
  readonly maxAge?: Duration.Input | undefined
}

/**
 * Opens a connection: to a name (`"localhost"`), an address as text (`"127.0.0.1"`, `"::1"`), an ipaddr (2130706433) or
 * an address value, with a port from 1 to 65535; or to a whole socket address. Names go through `Resolver`; several
 * addresses are raced by RFC 8305: the next attempt starts after `attemptDelay` or as soon as the one before failed,
 * the first connection wins, the others are closed.
 *
 * The scope owns the stream: closed with success it ends with FIN (see `close`), closed otherwise with RST.
 *
 * **Errors**: the reason of the last attempt, with `attempts` listing every address tried; `Resolution` for a name that
 * cannot be resolved; `TimedOut` after `connectTimeout`; `InvalidAddress`.
 * **Interruption** closes every attempt.
 */
export const open: {
  (
    host: HostInput,
    port: number,
    options?: OpenOptions
  ): Effect.Effect<SocketStream, NetworkError, Network | Resolver | Scope.Scope>
  (
    address: NetAddress.SocketAddress,
    options?: OpenOptions
  ): Effect.Effect<SocketStream, NetworkError, Network | Resolver | Scope.Scope>
} = (
  target: HostInput | NetAddress.SocketAddress,
  second?: number | OpenOptions,
  third?: OpenOptions
): Effect.Effect<SocketStream, NetworkError, Network | Resolver | Scope.Scope> => {
  const options = (NetAddress.isSocketAddress(target) ? (second as OpenOptions | undefined) : third) ?? {}
  return Effect.uninterruptibleMask((restore) =>
    Effect.flatMap(
      restore(connect(NetAddress.isSocketAddress(target) ? target : { host: target, port: second as number }, options)),
      (connection) => {
        const stream = Effect.tap(make(connection, options), (stream) =>
          Effect.sync(() => coreOf(stream).expireAfter(millis(options.maxAge, Infinity)))
        )
        if (options.tls === undefined) return stream
        const servername = options.tls.servername ?? (typeof target === "string" ? target : undefined)
        const tls = { ...options.tls, servername }
        return Effect.tap(stream, (stream) => restore(upgradeTls(stream, { side: "client", options: tls })))
      }
    )
  )
}

/**
 * A stream over a connection of a transport. The scope owns it: closed with success the stream ends with FIN, closed
 * otherwise with RST.
 */
export const make = (connection: Connection, options: Options = {}): Effect.Effect<SocketStream, never, Scope.Scope> =>
  Effect.flatMap(Effect.scope, (scope) => own(new StreamCore(connection, limitsFrom(options)), scope))

// Reading ------------------------------------------------------------------------------------------------------------

const next =
  (take: (input: InputBuffer) => Uint8Array): ReadAttempt<Option.Option<Uint8Array>> =>
  (core) => {
    const { ended, input } = core
    if (input.size > 0) return Effect.succeedSome(take(input))
    return ended ? Effect.succeedNone : core.inputFailure()
  }

const nextChunk = next((input) => input.shift())

/**
 * The next bytes as they came, or none at the end of input (the peer's FIN).
 *
 * The array is the caller's. Its `buffer` is shared with others if it is small, as those of Node's Buffers are: mind
 * `byteOffset`, and copy it to transfer it to a worker.
 *
 * Concurrent reads of one stream wait in line.
 *
 * **Errors**: `ConnectionReset` after what came before the reset was read; `TimedOut` after `readTimeout`; `Closed`.
 */
export const read = (self: SocketStream): Effect.Effect<Option.Option<Uint8Array>, NetworkError> =>
  coreOf(self).read(nextChunk)

/**
 * As `read`, into a buffer of the caller's: the part of it that was filled, or none at the end of input. For bulk input:
 * a read makes no array of its own.
 *
 * A buffer without room gets an empty part.
 */
export const readInto: {
  (buffer: Uint8Array): (self: SocketStream) => Effect.Effect<Option.Option<Uint8Array>, NetworkError>
  (self: SocketStream, buffer: Uint8Array): Effect.Effect<Option.Option<Uint8Array>, NetworkError>
} = dual(2, (self: SocketStream, buffer: Uint8Array) => coreOf(self).read(next((input) => input.takeInto(buffer))))

/**
 * Exactly `count` bytes.
 *
 * **Errors**: `UnexpectedEof` if the input ends before, saying how much came; those bytes stay readable.
 */
export const readExactly: {
  (count: number): (self: SocketStream) => Effect.Effect<Uint8Array, NetworkError>
  (self: SocketStream, count: number): Effect.Effect<Uint8Array, NetworkError>
} = dual(2, (self: SocketStream, count: number) => coreOf(self).read(exactly(count)))

const exactly =
  (count: number): ReadAttempt<Uint8Array> =>
  (core) => {
    const { input } = core
    if (input.size >= count) return Effect.succeed(input.take(count))
    if (!core.ended) return core.inputFailure()
    return Effect.fail(core.error("read", { _tag: "UnexpectedEof", expected: count, received: input.size }))
  }

/** How far a delimited read looks. */
export interface DelimitedOptions {
  /** Bytes before the delimiter, at least 0. Default 65,536. */
  readonly maxBytes?: number | undefined
}

const defaultMaxBytes = 65_536

/** The next piece before `delimiter`. A line's CR belongs to its delimiter. */
const until =
  <A>(
    delimiter: Uint8Array,
    limit: number,
    isLine: boolean,
    take: (input: InputBuffer, length: number) => A
  ): ReadAttempt<Option.Option<A>> =>
  (core) => {
    const { ended, input } = core
    const index = input.indexOf(delimiter)
    const length = index === -1 ? input.size : index
    if (length > limit) {
      const maybeDelimiter = index === -1 && !ended ? delimiter.length - 1 : 0
      const maybeCr = isLine && input.peek(limit) === cr ? 1 : 0
      if (length > limit + maybeDelimiter + maybeCr) {
        return Effect.fail(core.error("read", { _tag: "LineTooLong", limit }))
      }
    }
    if (index === -1) {
      if (!ended) return core.inputFailure()
      if (length === 0) return Effect.succeedNone
    }
    const found = take(input, length)
    if (index !== -1) input.skip(delimiter.length)
    return Effect.succeedSome(found)
  }

/**
 * The bytes before the next `delimiter` (at least one byte), which is taken too. At the end of input the rest, then
 * none.
 *
 * **Errors**: `LineTooLong` if more than `maxBytes` come before it. What came stays readable, in constant memory.
 */
export const readUntil: {
  (
    delimiter: Uint8Array,
    options?: DelimitedOptions
  ): (self: SocketStream) => Effect.Effect<Option.Option<Uint8Array>, NetworkError>
  (
    self: SocketStream,
    delimiter: Uint8Array,
    options?: DelimitedOptions
  ): Effect.Effect<Option.Option<Uint8Array>, NetworkError>
} = dual(
  (args) => isSocketStream(args[0]),
  (self: SocketStream, delimiter: Uint8Array, options?: DelimitedOptions) =>
    coreOf(self).read(until(delimiter, options?.maxBytes ?? defaultMaxBytes, false, takeBytes))
)

const lf = Uint8Array.of(10)
const cr = 13
const decoder = new TextDecoder("utf-8", { ignoreBOM: true })

const takeLine = (input: InputBuffer, length: number): string => {
  const bytes = input.view(length)
  const line = decoder.decode(length > 0 && bytes[length - 1] === cr ? bytes.subarray(0, -1) : bytes)
  input.skip(length)
  return line
}

const takeBytes = (input: InputBuffer, length: number): Uint8Array => input.take(length)

const line = (limit: number): ReadAttempt<Option.Option<string>> => {
  const general = until(lf, limit, true, takeLine)
  return (core) => {
    const text = core.input.line(limit)
    if (text === undefined) return general(core)
    return Effect.succeedSome(text.charCodeAt(text.length - 1) === cr ? text.slice(0, -1) : text)
  }
}

const defaultLine = line(defaultMaxBytes)

/**
 * The next line as UTF-8 text, without its LF or CR LF; the last line may lack either. None at the end of input.
 * Bytes that are not UTF-8 come out as U+FFFD: use `readUntil` where that matters.
 *
 * **Errors**: `LineTooLong` if the line has more than `maxBytes`. What came stays readable, in constant memory.
 */
export const readLine: {
  (options?: DelimitedOptions): (self: SocketStream) => Effect.Effect<Option.Option<string>, NetworkError>
  (self: SocketStream, options?: DelimitedOptions): Effect.Effect<Option.Option<string>, NetworkError>
} = dual(
  (args) => isSocketStream(args[0]),
  (self: SocketStream, options?: DelimitedOptions) =>
    coreOf(self).read(options?.maxBytes === undefined ? defaultLine : line(options.maxBytes))
)

const all =
  (limit: number): ReadAttempt<Uint8Array> =>
  (core) => {
    const { ended, input } = core
    if (input.size > limit) return Effect.fail(core.error("read", { _tag: "InputTooLong", limit }))
    return ended ? Effect.succeed(input.take(input.size)) : core.inputFailure()
  }

/**
 * All bytes up to the end of input.
 *
 * **Errors**: `InputTooLong` if more than `maxBytes` (default 1 MiB) come; those stay readable.
 */
export const readAll: {
  (options?: DelimitedOptions): (self: SocketStream) => Effect.Effect<Uint8Array, NetworkError>
  (self: SocketStream, options?: DelimitedOptions): Effect.Effect<Uint8Array, NetworkError>
} = dual(
  (args) => isSocketStream(args[0]),
  (self: SocketStream, options?: DelimitedOptions) => coreOf(self).read(all(options?.maxBytes ?? 1024 * 1024))
)

const repeatRead = <A>(next: Effect.Effect<Option.Option<A>, NetworkError>): Stream.Stream<A, NetworkError> =>
  Stream.fromPull(
    Effect.succeed(
      Effect.flatMap(next, (item) => (Option.isSome(item) ? Effect.succeed(Arr.of(item.value)) : Cause.done()))
    )
  )

/** The input as it comes, up to its end. Pulls only what is asked for: the peer is held back meanwhile. */
export const chunks = (self: SocketStream): Stream.Stream<Uint8Array, NetworkError> => repeatRead(read(self))

/** The lines of the input, as `readLine` gives them, up to its end. */
export const lines: {
  (options?: DelimitedOptions): (self: SocketStream) => Stream.Stream<string, NetworkError>
  (self: SocketStream, options?: DelimitedOptions): Stream.Stream<string, NetworkError>
} = dual(
  (args) => isSocketStream(args[0]),
  (self: SocketStream, options?: DelimitedOptions) => repeatRead(readLine(self, options))
)

// Writing ------------------------------------------------------------------------------------------------------------

/**
 * Writes bytes, or text as UTF-8. Waits while `highWaterMark` bytes are unsent, then takes the whole chunk and returns:
 * it leaves without `flush`, together with what else is written before the fiber next waits. Do not change the array
 * before a `flush` or `close`. Concurrent writes never mix.
 *
 * **Errors**: `ConnectionReset` if the peer is gone; `TimedOut` after `writeTimeout` without progress; `Closed` after
 * `endWrite` or `close`. **Interruption**: while it waits, nothing of the chunk has gone; afterwards all of it will.
 */
export const write: {
  (chunk: Uint8Array | string): (self: SocketStream) => Effect.Effect<void, NetworkError>
  (self: SocketStream, chunk: Uint8Array | string): Effect.Effect<void, NetworkError>
} = dual(2, (self: SocketStream, chunk: Uint8Array | string) => Effect.suspend(() => coreOf(self).write(chunk)))

/** Writes a line of text, ended by CR LF. As `write` otherwise. */
export const writeLine: {
  (line: string): (self: SocketStream) => Effect.Effect<void, NetworkError>
  (self: SocketStream, line: string): Effect.Effect<void, NetworkError>
} = dual(2, (self: SocketStream, line: string) => write(self, `${line}\r\n`))

/**
 * Returns when the kernel has all that was written (PORT's `force-output`). It says nothing of the peer.
 *
 * **Errors** as `write`. **Interruption**: what was written still leaves.
 */
export const flush = (self: SocketStream): Effect.Effect<void, NetworkError> =>
  Effect.suspend(() => coreOf(self).flush("write"))

/**
 * Writes what is read from `self` to `to`, up to the end of input: how many bytes. Both may be the same stream, which is
 * an echo. It ends neither; `endWrite` on `to` passes the end on. It holds at most 64 KiB, and none while it waits for
 * input. Returns when the kernel has all of it.
 *
 * **Errors** as `read` of `self` and `write` to `to`; what `to` has not taken stays readable. **Interruption** loses
 * nothing either.
 */
export const copy: {
  (to: SocketStream): (self: SocketStream) => Effect.Effect<number, NetworkError>
  (self: SocketStream, to: SocketStream): Effect.Effect<number, NetworkError>
} = dual(2, (self: SocketStream, to: SocketStream) => copyCore(coreOf(self), coreOf(to)))

// Closing ------------------------------------------------------------------------------------------------------------

/**
 * Ends the output: FIN follows what was written, reading goes on (half-close). Returns when the kernel has the output.
 * A second call is fine.
 */
export const endWrite = (self: SocketStream): Effect.Effect<void, NetworkError> =>
  Effect.suspend(() => {
    const core = coreOf(self)
    core.endWrite()
    return core.flush("write")
  })

/**
 * Ends the connection in order: FIN after what was written, then input is drained until the peer ends too, for
 * `lingerTimeout` and `lingerBytes` at most. Returns when the descriptor is given back. A second call is fine.
 *
 * **Errors**: why something written could not be handed over. **Interruption**: the close goes on.
 */
export const close = (self: SocketStream): Effect.Effect<void, NetworkError> =>
  Effect.suspend(() => {
    const core = coreOf(self)
    core.beginClose()
    return Effect.flatMap(core.awaitGone(), () => {
      const lost = core.lostOutput
      return lost === undefined ? Effect.void : Effect.fail(core.error("close", lost))
    })
  })

/** Cuts the connection: the peer sees a reset (RST), never an end of input. Whoever waits here fails with `Closed`. */
export const reset = (self: SocketStream): Effect.Effect<void> =>
  Effect.suspend(() => {
    const core = coreOf(self)
    core.abort()
    return core.awaitGone()
  })

// TLS ----------------------------------------------------------------------------------------------------------------

/**
 * Takes a TLS handshake on an open connection, as STARTTLS protocols do: on either side, once both have agreed on it in
 * clear text. What was written leaves first, in clear. Reads and writes afterwards are encrypted. Node does not tell an
 * end without TLS's `close_notify` from one with it: a protocol that must know has to say how long its messages are.
 *
 * **Errors**: `Tls` if bytes of the peer are buffered (they came in clear after it agreed: RFC 3207, section 4.2, and a
 * known attack), or with OpenSSL's code if the handshake fails; `TimedOut` after `handshakeTimeout`; `Unsupported` by a
 * network without TLS. The connection cannot be used afterwards. **Interruption** cuts the connection.
 */
export const upgradeTls: {
  (options: Tls.HandshakeOptions): (self: SocketStream) => Effect.Effect<Tls.HandshakeInfo, NetworkError>
  (self: SocketStream, options: Tls.HandshakeOptions): Effect.Effect<Tls.HandshakeInfo, NetworkError>
} = dual(2, (self: SocketStream, options: Tls.HandshakeOptions) =>
  Effect.suspend(() => {
    const core = coreOf(self)
    const { connection } = core
    if (connection.startTls === undefined) {
      return Effect.fail(core.error("tls", { _tag: "Unsupported", detail: "TLS on this network" }))
    }
    if (core.input.size > 0) {
      return Effect.fail(
        core.error("tls", { _tag: "Tls", code: "EARLY_DATA", detail: "input came before the handshake" })
      )
    }
    connection.pause()
    return core.flush("tls").pipe(
      Effect.flatMap(() => {
        const secure = connection.startTls!(options, new Uint8Array(0))
        if (Result.isFailure(secure)) return Effect.fail(core.error("tls", secure.failure))
        core.replace(secure.success)
        return secure.success.handshake
      }),
      Effect.onError(() => reset(self))
    )
  })
)

/**
 * What the TLS handshake agreed on, once it has ended.
 *
 * **Errors**: why it failed; `Unsupported` on a stream without TLS.
 */
export const handshake = (self: SocketStream): Effect.Effect<Tls.HandshakeInfo, NetworkError> =>
  Effect.suspend(() => {
    const core = coreOf(self)
    const { connection } = core
    return "handshake" in connection
      ? (connection as SecureConnection).handshake
      : Effect.fail(core.error("tls", { _tag: "Unsupported", detail: "this stream is not under TLS" }))
  })

/** The two pairs of address and port: local, then remote (PORT's `socket-host/port`). */
export const hostPort = (
  self: SocketStream
): readonly [
  localHost: NetAddress.IpAddress | string,
  localPort: number,
  remoteHost: NetAddress.IpAddress | string,
  remotePort: number
] => [...pair(self.localAddress), ...pair(self.remoteAddress)]

const pair = (address: NetAddress.SocketAddress): [NetAddress.IpAddress | string, number] =>
  address._tag === "UnixPathAddress" ? [address.path, 0] : [address.address, address.port]
