/**
 * One timer for all the deadlines of a stream, set for the earliest. It is neither cancelled nor moved when what it was
 * set for is over: then it fires, finds nothing, and is set for what is the earliest by that time. To set and cancel a
 * timer for each read costs more than the read of a short message; this way a thousand reads share one.
 */
import type { Timers } from "../../Connection.ts"

export class Deadlines {
  /** When the timer fires; `-Infinity` when none will be set any more. */
  private armedFor = Infinity
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
    this.armedFor = at
    this.disarm = timers.set(Math.max(0, at - timers.now()), () => {
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
