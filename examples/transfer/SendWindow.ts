/** The sender's side, without a network and a clock: what is to be sent when. */
import { RetransmitTimer } from "./RetransmitTimer.ts"
import { type Arrived, segmentSize, type Sending, windowSize } from "./Segment.ts"

/** So many later ones must have come before a segment counts as lost: fewer may have overtaken it (RFC 5681). */
const overtakers = 3

/** A segment that was sent and is not acknowledged in its turn. */
interface UnderWay {
  /** The last time. */
  sentAt: number
  /** How often it was sent before. */
  again: number
  /** The receiver has it, but not all before it. */
  hasArrived: boolean
}

export class SendWindow {
  private readonly data: Uint8Array
  private readonly timer = new RetransmitTimer()
  private readonly underWay = new Map<number, UnderWay>()
  private readonly lost = new Set<number>()
  /** The first segment that is not acknowledged. */
  private first = 0
  /** The first that was never sent. */
  private next = 0
  private readonly count: number
  /** When something is sent again if nothing comes until then. */
  deadline = Infinity
  /** When something was last acknowledged, or the first thing sent. */
  private progressAt: number | undefined

  constructor(data: Uint8Array) {
    this.data = data
    // The last one is shorter than the others, empty if need be.
    this.count = Math.floor(data.length / segmentSize) + 1
  }

  /** Everything has arrived. */
  get isDone(): boolean {
    return this.first === this.count
  }

  /** Milliseconds for which nothing has been acknowledged. */
  silence(now: number): number {
    return this.progressAt === undefined ? 0 : now - this.progressAt
  }

  bytes(number: number): Uint8Array {
    return this.data.subarray(number * segmentSize, (number + 1) * segmentSize)
  }

  /** What to send now. */
  due(now: number): Array<Sending> {
    this.progressAt ??= now
    if (now >= this.deadline) this.expire(now)
    const sendings: Array<Sending> = []
    for (const number of this.lost) {
      const segment = this.underWay.get(number)!
      segment.sentAt = now
      segment.again = (segment.again + 1) % 256
      sendings.push({ number, again: segment.again })
    }
    this.lost.clear()
    while (this.next < Math.min(this.count, this.first + windowSize)) {
      this.underWay.set(this.next, { sentAt: now, again: 0, hasArrived: false })
      sendings.push({ number: this.next++, again: 0 })
    }
    if (this.deadline === Infinity && this.underWay.size > 0) this.deadline = now + this.timer.timeout
    return sendings
  }

  /** Nothing came in time: whatever has not arrived for sure is sent again, and the next wait is longer. */
  private expire(now: number): void {
    this.timer.expired()
    for (const [number, { hasArrived }] of this.underWay) if (!hasArrived) this.lost.add(number)
    this.deadline = now + this.timer.timeout
  }

  /** An acknowledgement came. Late and doubled ones do no harm, and what was never sent cannot be acknowledged. */
  acknowledged({ answers, behind, next }: Arrived & { readonly answers: Sending }, now: number): void {
    if (next > this.next) return
    const answered = this.underWay.get(answers.number)
    if (answered?.again === answers.again) this.timer.measured(now - answered.sentAt)
    for (const [number, segment] of this.underWay) {
      const bit = number - next - 1
      const has = number < next || (bit >= 0 && bit < 32 && ((behind >>> bit) & 1) === 1)
      if (!has || segment.hasArrived) continue
      segment.hasArrived = true
      this.lost.delete(number)
      this.progressAt = now
    }
    if (next > this.first) {
      for (; this.first < next; this.first++) this.underWay.delete(this.first)
      // RFC 6298, sections 5.2 and 5.3.
      this.deadline = this.underWay.size === 0 ? Infinity : now + this.timer.timeout
    }
    this.findLost()
  }

  /** Those that enough later ones have overtaken are sent again at once, the first time. */
  private findLost(): void {
    let later = 0
    for (const [number, { again, hasArrived }] of [...this.underWay].toReversed()) {
      if (hasArrived) later++
      else if (later >= overtakers && again === 0) this.lost.add(number)
    }
  }
}
