/**
 * One timer for all the deadlines of a stream, set for the earliest. It is neither cancelled nor moved when what it was
 * set for is over: then it fires, finds nothing, and is set for what is the earliest by that time. To set and cancel a
 * timer for each read costs more than the read of a short message; this way a thousand reads share one.
 */
import type { Timers } from "../../Connection.ts"

/**
 * The first timer of a stream is set for this many milliseconds at most: by then a short connection has ended, and what it
 * waited for after its first read, its linger, needed no timer of its own.
 */
const firstLook = 1000

export class Deadlines {
  /** When the timer fires; `-Infinity` when none will be set any more. */
  private armedFor = Infinity
  private isFirst = true
  private disarm: (() => void) | undefined
  private readonly due: { onDue(): void }

  constructor(due: { onDue(): void }) {
    this.due = due
  }

  /** Whether a timer is set. */
  get isArmed(): boolean {
    return this.disarm !== undefined
  }

  /** Sees to it that `onDue` is called at `at`, or before. `Infinity` asks for nothing. */
  arm(timers: Timers, at: number): void {
    if (at >= this.armedFor) return
    this.disarm?.()
    const now = timers.now()
    const due = this.isFirst ? Math.min(at, now + firstLook) : at
    this.isFirst = false
    this.armedFor = due
    this.disarm = timers.set(Math.max(0, due - now), () => {
      this.disarm = undefined
      this.armedFor = Infinity
      this.due.onDue()
    })
  }

  /** No deadline counts any more, and none will. */
  stop(): void {
    this.disarm?.()
    this.disarm = undefined
    this.armedFor = -Infinity
  }
}
