/**
 * The memory network's events in time: one sleeping fiber on Effect's Clock for all of them. Events due at the same time
 * run in the order in which they were set, never in the turn that set them.
 */
import * as Cause from "effect/Cause"
import * as Clock from "effect/Clock"
import type * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type * as Fiber from "effect/Fiber"
import type { Timers } from "../Connection.ts"
import { guard } from "./guard.ts"

interface Entry {
  readonly at: number
  readonly order: number
  readonly run: () => void
}

/** The clock's smallest step. */
const nanosecond = 1e-6

const microtask = Promise.resolve()

/**
 * Turns are microtasks, so that traffic without latency comes to rest before a test moves its clock. After so many in a
 * row one goes through the scheduler: endless traffic must not starve the process of its timers and its input.
 */
const turnsInARow = 1000

const never = (): void => {}

/** So many of the scheduler's turns after the network's last one, and the program is at rest. */
const restTurns = 3

export class ClockTimers implements Timers {
  private readonly context: Context.Context<never>
  private readonly clock: Clock.Clock
  private readonly start: bigint
  private time = 0
  private order = 0
  /** Latest first: the next one is the last. */
  private readonly entries: Array<Entry> = []
  private turning = false
  private turns = 0
  private sleeper: { readonly until: number; fiber: Fiber.Fiber<void> | undefined } | undefined

  constructor(context: Context.Context<never>, clock: Clock.Clock) {
    this.context = context
    this.clock = clock
    this.start = clock.monotonicTimeNanosUnsafe()
  }

  /** Milliseconds since the network was made. */
  now(): number {
    const elapsed = Number(this.clock.monotonicTimeNanosUnsafe() - this.start) / 1e6
    if (elapsed > this.time) this.time = elapsed
    return this.time
  }

  set(millis: number, run: () => void): () => void {
    return this.at(this.now() + millis, run)
  }

  /** Runs `run` once when `now` has reached `time`, in milliseconds; the result cancels it. */
  at(time: number, run: () => void): () => void {
    // Infinity is never, and what is no number as well: it would put the list out of its order.
    if (!(time < Infinity)) return never
    const entry: Entry = { at: Math.max(this.now(), time), order: this.order++, run }
    this.entries.splice(this.indexOf(entry), 0, entry)
    this.arm()
    return () => {
      const index = this.indexOf(entry)
      if (this.entries[index] !== entry) return
      this.entries.splice(index, 1)
      if (this.entries.length === 0) this.wake()
    }
  }

  /** Forgets all that was set. */
  clear(): void {
    this.entries.length = 0
    this.wake()
  }

  private indexOf({ at, order }: Entry): number {
    let low = 0
    let high = this.entries.length
    while (low < high) {
      const middle = (low + high) >>> 1
      const entry = this.entries[middle]
      if (entry.at > at || (entry.at === at && entry.order > order)) low = middle + 1
      else high = middle
    }
    return low
  }

  private arm(): void {
    const next = this.entries.at(-1)
    if (next === undefined || this.turning) return
    if (next.at - this.time < nanosecond) {
      this.turning = true
      this.time = Math.max(this.time, next.at)
      if (++this.turns % turnsInARow !== 0) void microtask.then(this.turn)
      else this.fork(Effect.andThen(Effect.yieldNow, Effect.sync(this.turn)))
    } else if (this.sleeper === undefined || next.at < this.sleeper.until) {
      this.wake()
      const sleeper: NonNullable<typeof this.sleeper> = { until: next.at, fiber: undefined }
      this.sleeper = sleeper
      const slept = Effect.sync(() => {
        this.sleeper = undefined
        // The clock may be off by a rounding.
        this.time = Math.max(this.time, sleeper.until)
        this.run()
      })
      const sleep = this.clock.sleep(Duration.millis(next.at - this.time))
      sleeper.fiber = this.fork(Effect.andThen(sleep, Effect.andThen(slept, this.rest)))
    }
  }

  /**
   * A `TestClock` waits for the fiber that it woke before it moves on, and for what that fiber resumes at once, but not
   * for what is resumed from a microtask. So the fiber stays until the program has come to rest.
   */
  private readonly rest: Effect.Effect<void> = Effect.gen({ self: this }, function* () {
    let seen = this.turns
    // Without a turn of the network's, all that was resumed is the clock's to wait for.
    for (let left = 1, all = 0; left > 0 && all < turnsInARow; left--, all++) {
      yield* Effect.yieldNow
      if (this.turns !== seen) left = restTurns
      seen = this.turns
    }
  })

  private fork(effect: Effect.Effect<void>): Fiber.Fiber<void> {
    return Effect.runForkWith(this.context)(effect)
  }

  private wake(): void {
    this.sleeper?.fiber?.interruptUnsafe()
    this.sleeper = undefined
  }

  private readonly complain = (cause: unknown): void => {
    this.fork(Effect.logError("A timer's callback threw", Cause.die(cause)))
  }

  private readonly turn = (): void => {
    this.turning = false
    this.run()
  }

  private run(): void {
    const now = this.now()
    const end = this.order
    for (;;) {
      const next = this.entries.at(-1)
      if (next === undefined || next.at > now || next.order >= end) break
      this.entries.pop()
      // What one of them throws is its own: the others still run.
      guard(next.run, this.complain)
    }
    this.arm()
  }
}
