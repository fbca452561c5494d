/** The limits of one stream: how they are given, what they may be, and what they are without a word. */
import type * as Duration from "effect/Duration"
import * as InvalidOption from "@effect-sockets/resolver/InvalidOption"

/**
 * The limits of one stream.
 *
 * ```ts
 * import * as SocketStream from "@effect-sockets/socket/SocketStream"
 * import * as SocketPair from "@effect-sockets/socket/testing/SocketPair"
 * import { Effect } from "effect"
 * const options: SocketStream.Options = { readTimeout: "10 millis" }
 * const read = Effect.flatMap(SocketPair.make(options), ([client]) => SocketStream.read(client))
 * const error = await Effect.runPromise(Effect.flip(Effect.scoped(read)))
 * error.reason // => { _tag: "TimedOut", millis: 10 }
 * ```
 *
 * @category options
 * @since 0.1.0
 */
export interface Options {
  /**
   * How long one read may take, from its start until it has what it wants: a peer that drips single bytes does not
   * extend it. The read fails with `TimedOut`, no byte is lost. The first read of an accepted connection counts from the
   * arrival, if nothing was written before it: a silent client gains nothing by its wait in the queue. Default: for ever.
   */
  readonly readTimeout?: Duration.Input | undefined
  /**
   * How long the kernel may take nothing of what waits to be sent, because the peer does not read. Then, or up to a
   * quarter later, the connection is reset and what waits fails with `TimedOut`. Default 60 seconds, nginx's
   * `send_timeout`. It also bounds `close` towards a stalled peer.
   *
   * A peer that reads slowly but steadily is not cut, as long as it reads enough in this time for the kernel to take more:
   * Linux does so once a third of its send buffer is free, which is 1.4 MB where that has grown to its limit of 4 MB.
   */
  readonly writeTimeout?: Duration.Input | undefined
  /**
   * How long `close` reads on after FIN, so that late input does not make the kernel reset what the peer has not read.
   * Default 2 seconds. 0 does not linger.
   */
  readonly lingerTimeout?: Duration.Input | undefined
  /** How many bytes `close` drains at most while it lingers, at least 0. Default 16 MiB. */
  readonly lingerBytes?: number | undefined
  /**
   * Bytes buffered in each direction, at least 1: a write waits while as many are unsent, and the peer is held back
   * while as many are unread. Default 64 KiB, as Node's.
   */
  readonly highWaterMark?: number | undefined
}

/** The limits as a stream keeps them: times in milliseconds, `Infinity` for none. */
export interface StreamLimits {
  readonly readTimeout: number
  readonly writeTimeout: number
  readonly lingerTimeout: number
  readonly lingerBytes: number
  readonly highWaterMark: number
}

/** What each option may be. */
export const checks = {
  readTimeout: InvalidOption.positiveDuration,
  writeTimeout: InvalidOption.positiveDuration,
  lingerTimeout: InvalidOption.duration,
  lingerBytes: InvalidOption.integerOrInfinity(0),
  highWaterMark: InvalidOption.integer(1)
} as const

const defaults: StreamLimits = {
  readTimeout: Infinity,
  writeTimeout: 60_000,
  lingerTimeout: 2000,
  lingerBytes: 16 * 1024 * 1024,
  highWaterMark: 64 * 1024
}

/** The limits of options that were looked at; what is left out is as `base` has it. */
export const limitsFrom = (options: Options, base: StreamLimits = defaults): StreamLimits => ({
  readTimeout: InvalidOption.toMillis(options.readTimeout, base.readTimeout),
  writeTimeout: InvalidOption.toMillis(options.writeTimeout, base.writeTimeout),
  lingerTimeout: InvalidOption.toMillis(options.lingerTimeout, base.lingerTimeout),
  lingerBytes: options.lingerBytes ?? base.lingerBytes,
  highWaterMark: options.highWaterMark ?? base.highWaterMark
})
