/** How long a sender waits for an acknowledgement: RFC 6298, in milliseconds. */

/** Section 2.1: before anything was measured. */
const initial = 1000
/** Section 2.4. */
const least = 1000
/** Section 2.5. */
const most = 60_000
/** The granularity of the clock, G. */
const granularity = 1

export class RetransmitTimer {
  /** The time after which something is sent again, RTO. */
  timeout = initial
  private smoothed: number | undefined
  private variation = 0

  /** A round trip was measured. What was waited for longer than that is forgotten. */
  measured(roundTrip: number): void {
    if (this.smoothed === undefined) {
      this.smoothed = roundTrip
      this.variation = roundTrip / 2
    } else {
      this.variation = (3 / 4) * this.variation + (1 / 4) * Math.abs(this.smoothed - roundTrip)
      this.smoothed = (7 / 8) * this.smoothed + (1 / 8) * roundTrip
    }
    const timeout = this.smoothed + Math.max(granularity, 4 * this.variation)
    this.timeout = Math.min(most, Math.max(least, timeout))
  }

  /** Nothing was acknowledged in that time: section 5.5. */
  expired(): void {
    this.timeout = Math.min(most, 2 * this.timeout)
  }
}
