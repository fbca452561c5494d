/**
 * How many connections may come in a time: a token bucket, kept as one number, the time at which it is full again (the
 * virtual scheduling algorithm of ITU-T I.371, GCRA). Effect's `RateLimiter` has effects, stores and keys without a bound;
 * here a connection is decided about in the call that brings it.
 */
import * as InvalidOption from "@effect-sockets/resolver/InvalidOption"
import type * as Duration from "effect/Duration"

/**
 * How many connections may come in a time.
 *
 * ```ts
 * import type * as Server from "@effect-sockets/socket/Server"
 * const acceptRate: Server.AcceptRate = { limit: 100, per: "1 second", burst: 200 }
 * acceptRate.limit // => 100
 * ```
 *
 * @category options
 * @since 0.1.0
 */
export interface AcceptRate {
  /** Connections in the time of `per`, more than 0; also a fraction. Infinity for no limit. */
  readonly limit: number
  /** The time that `limit` is for, more than 0 and finite. Default 1 second. */
  readonly per?: Duration.Input | undefined
  /** Connections that may come at once after a time without any, at least 1. Default: `limit`, rounded up. */
  readonly burst?: number | undefined
}

/** What each part may be. */
const checks = {
  limit: (value: unknown) => (typeof value === "number" && value > 0 ? undefined : "a number above 0, or Infinity"),
  per: (value: unknown) =>
    InvalidOption.positiveDuration(value) === undefined && InvalidOption.toMillis(value as Duration.Input) < Infinity
      ? undefined
      : "a finite duration of more than 0",
  burst: InvalidOption.integer(1)
} as const

/** The first part that cannot be meant. */
export const problem = (
  rate: AcceptRate | undefined,
  option: "acceptRate" | "acceptRatePerPeer"
): InvalidOption.InvalidOption | undefined =>
  rate === undefined
    ? undefined
    : // How many has no default.
      InvalidOption.find({ ...rate, limit: rate?.limit ?? (null as never) }, checks, `${option}.`)

/** Sums of fractions are a little off. In milliseconds. */
const rounding = 1e-3

/** The bucket of one peer, or of all. */
export class AcceptRateRule {
  /** Milliseconds from one connection to the next, at the rate. */
  readonly interval: number
  /** How far ahead of the rate connections may be. */
  private readonly tolerance: number

  constructor({ burst, limit, per }: AcceptRate) {
    this.interval = InvalidOption.toMillis(per, 1000) / limit
    const most = burst ?? Math.ceil(limit)
    // Without a limit there is nothing to be ahead of.
    this.tolerance = limit === Infinity ? 0 : (most - 1) * this.interval + rounding
  }

  /** When the bucket is full again after one more connection, or nothing where there is no room for it. */
  next(fullAt: number, now: number): number | undefined {
    const from = Math.max(fullAt, now)
    return from - now > this.tolerance ? undefined : from + this.interval
  }
}

/** Peers that are remembered: 10,000 numbers. Those that were not seen for longest are forgotten first. */
const mostPeers = 10_000

export class PeerRates {
  private readonly rule: AcceptRateRule
  /** When the bucket of each peer is full again, the one that was seen last at the end. */
  private readonly fullAt = new Map<string, number>()

  constructor(rate: AcceptRate) {
    this.rule = new AcceptRateRule(rate)
  }

  /** Peers that are remembered now. */
  get size(): number {
    return this.fullAt.size
  }

  /** Whether one more connection of the peer is within its rate: then it is counted. */
  take(peer: string, now: number): boolean {
    const before = this.fullAt.get(peer) ?? now
    const after = this.rule.next(before, now)
    this.fullAt.delete(peer)
    this.fullAt.set(peer, after ?? before)
    // What is full again is as one that never came; one look each keeps the number small where peers come and go.
    for (const [oldest, at] of this.fullAt) {
      if (at > now && this.fullAt.size <= mostPeers) break
      this.fullAt.delete(oldest)
    }
    return after !== undefined
  }

  /** The peer's last connection, which was within its rate, was refused after all: it does not count. */
  giveBack(peer: string): void {
    const at = this.fullAt.get(peer)
    if (at !== undefined) this.fullAt.set(peer, at - this.rule.interval)
  }
}
