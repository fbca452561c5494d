/** Tells when a server comes near its bound, and when it is away from it again. */
import * as InvalidOption from "@effect-sockets/resolver/InvalidOption"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"

/**
 * A server has come near its bound, or is away from it again.
 *
 * ```ts
 * import type * as Server from "@effect-sockets/socket/Server"
 * const text = ({ _tag, connections, maxConnections }: Server.Alarm) => `${_tag}: ${connections} of ${maxConnections}`
 * text({ _tag: "Raised", connections: 80, maxConnections: 100 }) // => "Raised: 80 of 100"
 * ```
 *
 * @category models
 * @since 0.1.0
 */
export interface Alarm {
  readonly _tag: "Raised" | "Cleared"
  /** Connections that are being handled. */
  readonly connections: number
  /** How many may be. */
  readonly maxConnections: number
}

/** When a server tells that it comes near its bound. */
export interface AlarmOptions<R> {
  /** The part of `maxConnections` at which `onAlarm` hears, above 0 and at most 1. Default 0.8, if there is `onAlarm`. */
  readonly alarmAt?: number | undefined
  /**
   * How long after a `Raised` there is no other one. One that comes meanwhile is told when that is over, if it is still so.
   * Default 5 seconds, as Ranch has it.
   */
  readonly alarmCooldown?: Duration.Input | undefined
  /**
   * Hears when connections come to `alarmAt` of `maxConnections`, and when they are a tenth below that again: once each
   * time, and not while the server stops. Default: logs the two, if there is `alarmAt`. If it throws or dies, that is
   * logged.
   */
  readonly onAlarm?: ((alarm: Alarm) => Effect.Effect<void, never, R>) | undefined
}

export const checks = {
  alarmAt: (value: unknown) =>
    typeof value === "number" && value > 0 && value <= 1 ? undefined : "a number above 0, at most 1",
  alarmCooldown: InvalidOption.duration,
  onAlarm: InvalidOption.callback
} as const

const defaultShare = 0.8
const defaultCooldown = 5000
/** Connections that come and go at the threshold are one alarm, not many. */
const hysteresis = 0.9

const logAlarm = ({ _tag, connections, maxConnections }: Alarm): Effect.Effect<void> =>
  _tag === "Raised"
    ? Effect.logWarning(`${connections} of at most ${maxConnections} connections are in use`)
    : Effect.logInfo(`${connections} of at most ${maxConnections} connections are in use again`)

/** The alarm of one server. */
export class LoadAlarm<R> {
  private readonly share: number
  private readonly cooldown: number
  private readonly onAlarm: (alarm: Alarm) => Effect.Effect<void, never, R>
  private readonly call: (callback: () => Effect.Effect<void, never, R>) => void
  /** Looks again, after so many milliseconds, whether it is to be raised. */
  private readonly later: (millis: number) => void
  private isRaised = false
  private isHeldBack = false
  /** Until then there is no other one, on the server's clock. */
  private quietUntil = -Infinity

  constructor(
    options: AlarmOptions<R>,
    call: (callback: () => Effect.Effect<void, never, R>) => void,
    later: (millis: number) => void
  ) {
    this.share = options.alarmAt ?? defaultShare
    this.cooldown = InvalidOption.toMillis(options.alarmCooldown, defaultCooldown)
    this.onAlarm = options.onAlarm ?? logAlarm
    this.call = call
    this.later = later
  }

  /** A connection has come. */
  rose(connections: number, maxConnections: number, now: number): void {
    if (this.isRaised || connections / maxConnections < this.share) return
    if (now < this.quietUntil) return this.holdBack(this.quietUntil - now)
    this.isRaised = true
    this.quietUntil = now + this.cooldown
    this.call(() => this.onAlarm({ _tag: "Raised", connections, maxConnections }))
  }

  private holdBack(millis: number): void {
    if (this.isHeldBack) return
    this.isHeldBack = true
    this.later(millis)
  }

  /** The time is over that `later` was told. */
  looksAgain(connections: number, maxConnections: number, now: number): void {
    this.isHeldBack = false
    this.rose(connections, maxConnections, now)
  }

  /** A connection has ended. */
  fell(connections: number, maxConnections: number): void {
    if (!this.isRaised || connections / maxConnections >= this.share * hysteresis) return
    this.isRaised = false
    this.call(() => this.onAlarm({ _tag: "Cleared", connections, maxConnections }))
  }
}

/** An alarm, where somebody wants one. */
export const alarmOf = <R>(
  options: AlarmOptions<R>,
  call: (callback: () => Effect.Effect<void, never, R>) => void,
  later: (millis: number) => void
): LoadAlarm<R> | undefined =>
  options.alarmAt === undefined && options.onAlarm === undefined ? undefined : new LoadAlarm(options, call, later)
