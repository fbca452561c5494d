/** Those who wait for the input of one stream, in the order of their coming. Pure: it knows nothing of sockets. */
import type * as Effect from "effect/Effect"
import type { NetworkError } from "../../NetworkError.ts"
import { append, none, remove } from "./lists.ts"

/** What a reader gets. */
export type Outcome<A> = Effect.Effect<A, NetworkError>

/** Somebody who waits for input. */
export interface Reader {
  /** When its wait ends, on the clock of the transport's timers; `Infinity` for never. */
  deadline: number
  /** Whether it works on what it took and lets others read meanwhile: a driver's effect may read on by itself. */
  readonly isBusy: boolean
  /** Looks at the input: the outcome with which its wait is over, or nothing while it waits on. */
  attempt(): Outcome<unknown> | undefined
  /** Ends the wait. Called once, after the reader has left the queue. */
  resume(outcome: Outcome<unknown>): void
}

export class InputQueue {
  private readers: Array<Reader> = none

  /** Whether somebody waits for more input. */
  get isWaiting(): boolean {
    const { readers } = this
    return readers.length > 0 && (!readers[0].isBusy || readers.some(({ isBusy }) => !isBusy))
  }

  /** Whether anybody is here at all, busy or not. */
  get isEmpty(): boolean {
    return this.readers.length === 0
  }

  add(reader: Reader): void {
    this.readers = append(this.readers, reader)
  }

  remove(reader: Reader): void {
    remove(this.readers, reader)
  }

  /** Lets each in turn look at the input, up to the first that still wants more. */
  serve(): void {
    while (true) {
      const reader = this.next()
      if (reader === undefined) return
      const outcome = reader.attempt()
      if (outcome !== undefined) {
        this.remove(reader)
        reader.resume(outcome)
      } else if (!reader.isBusy) return
    }
  }

  private next(): Reader | undefined {
    const { readers } = this
    return readers.length > 0 && readers[0].isBusy ? readers.find(({ isBusy }) => !isBusy) : readers[0]
  }

  /** Ends the waits that are over at `now`. Whether any was. */
  expire(now: number, outcome: () => Outcome<never>): boolean {
    const late = this.readers.filter(({ deadline, isBusy }) => !isBusy && deadline <= now)
    for (const reader of late) {
      // Whoever is resumed may end the waits of the others.
      if (!this.readers.includes(reader)) continue
      this.remove(reader)
      reader.resume(outcome())
    }
    return late.length > 0
  }

  /** When the next wait ends. */
  get deadline(): number {
    let earliest = Infinity
    for (const { deadline, isBusy } of this.readers) if (!isBusy && deadline < earliest) earliest = deadline
    return earliest
  }
}
