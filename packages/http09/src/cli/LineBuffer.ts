/**
 * Lines on their way to somebody who may be slow, or gone: a bounded number of bytes waits, and what does not fit is
 * dropped and counted.
 */

/** Takes bytes, and says when it is ready for more. It is given nothing while it works. */
export type Sink = (bytes: Uint8Array, ready: () => void) => void

/** The bytes that wait at most: half a minute of a busy server's log. */
export const capacity = 1024 * 1024

const newline = 10

/** How many lines end in the bytes. */
const count = (bytes: Uint8Array): number => {
  let lines = 0
  for (let at = bytes.indexOf(newline); at >= 0; at = bytes.indexOf(newline, at + 1)) lines++
  return lines
}

/** Hands lines to a sink, which never has more than it is working on. */
export class LineBuffer {
  private waiting: Array<Uint8Array> = []
  private size = 0
  private isBusy = false
  private dropped = 0
  private whenEmpty: Array<() => void> = []

  private readonly sink: Sink
  private readonly onDropped: (lines: number) => void
  private readonly limit: number

  /** `onDropped` hears how many lines were lost when they flow again. */
  constructor(sink: Sink, onDropped: (lines: number) => void, limit = capacity) {
    this.sink = sink
    this.onDropped = onDropped
    this.limit = limit
  }

  /** Takes whole lines, or drops them where they do not fit. */
  add(bytes: Uint8Array): void {
    if (this.size + bytes.length > this.limit) {
      this.dropped += count(bytes)
      return
    }
    this.waiting.push(bytes)
    this.size += bytes.length
    if (!this.isBusy) this.next()
  }

  /** Calls back when nothing waits any more. */
  drained(then: () => void): void {
    if (this.size === 0) then()
    else this.whenEmpty.push(then)
  }

  private next(): void {
    const { waiting } = this
    if (waiting.length === 0) return this.empty()
    const bytes = waiting.length === 1 ? waiting[0] : Buffer.concat(waiting)
    this.waiting = []
    this.isBusy = true
    this.sink(bytes, () => {
      this.isBusy = false
      // What the sink works on counts as waiting: it is held as well.
      this.size -= bytes.length
      if (this.dropped > 0) this.tellDropped()
      this.next()
    })
  }

  private tellDropped(): void {
    const lines = this.dropped
    this.dropped = 0
    this.onDropped(lines)
  }

  private empty(): void {
    const all = this.whenEmpty
    this.whenEmpty = []
    for (const then of all) then()
  }
}
