/** A connection without a transport: the test is the peer, the kernel and the clock. */
import * as NetAddress from "effect/net/NetAddress"
import type { Connection, ConnectionEvents, Timers } from "../../src/Connection.ts"
import type { Reason } from "../../src/NetworkError.ts"

/** Timers that fire when the test says so. */
export class FakeTimers implements Timers {
  time = 0
  /** How many were ever set. */
  count = 0
  private readonly waiting = new Set<{ readonly at: number; readonly f: () => void }>()

  now(): number {
    return this.time
  }

  /** How many have neither fired nor been cancelled. */
  get active(): number {
    return this.waiting.size
  }

  set(millis: number, f: () => void): () => void {
    this.count++
    const timer = { at: this.time + millis, f }
    this.waiting.add(timer)
    return () => void this.waiting.delete(timer)
  }

  /** Moves the clock on, stopping at each timer on the way. */
  advance(millis: number): void {
    const end = this.time + millis
    for (;;) {
      const [next] = [...this.waiting].filter(({ at }) => at <= end).sort((a, b) => a.at - b.at)
      if (next === undefined) break
      this.waiting.delete(next)
      this.time = Math.max(this.time, next.at)
      next.f()
    }
    this.time = end
  }
}

const address = (port: number) => NetAddress.inetAddressUnsafe(NetAddress.ipv4Loopback, port)

export class FakeConnection implements Connection {
  readonly localAddress: NetAddress.SocketAddress = address(1)
  readonly remoteAddress: NetAddress.SocketAddress
  readonly timers: FakeTimers
  /** What was asked of it, but for writes. */
  readonly calls: Array<"pause" | "resume" | "end" | "destroy" | "reset"> = []
  /** One entry a write. */
  readonly sent: Array<Uint8Array> = []
  /** While the kernel is full, `written` waits for `release`. */
  full = false
  /** The kernel takes at once what it takes. */
  prompt = false
  /** A peer that does not answer FIN with FIN. */
  stubborn = false
  attached: ConnectionEvents | undefined
  private isClosed = false
  private isReported = false
  /** The peer has ended its output. */
  private hasEnded = false
  private unreported = 0
  private inFlight: ReadonlyArray<Uint8Array> = []

  constructor(remote: NetAddress.SocketAddress = address(2), timers = new FakeTimers()) {
    this.remoteAddress = remote
    this.timers = timers
  }

  get events(): ConnectionEvents {
    if (this.attached === undefined) throw new Error("nobody is attached")
    return this.attached
  }

  get isOpen(): boolean {
    return !this.isClosed
  }

  /** All that was written, as one. */
  get output(): Uint8Array {
    return Buffer.concat(this.sent)
  }

  attach(events: ConnectionEvents): void {
    this.attached = {
      data: (chunk) => events.data(chunk),
      borrow: (chunk) => events.borrow(chunk),
      end: () => {
        this.hasEnded = true
        events.end()
      },
      written: () => events.written(),
      defect: (cause) => events.defect(cause),
      closed: (reason) => events.closed(reason)
    }
  }

  pause(): void {
    this.calls.push("pause")
  }

  resume(): void {
    this.calls.push("resume")
  }

  write(chunks: ReadonlyArray<Uint8Array>): boolean {
    if (this.unreported > 0) throw new Error("the write before is not reported yet")
    this.sent.push(Buffer.concat(chunks))
    if (this.prompt && !this.full) return true
    this.inFlight = chunks
    this.unreported++
    if (!this.full) queueMicrotask(() => this.release())
    return false
  }

  /** The kernel has taken what was written. */
  release(): void {
    if (this.unreported === 0 || this.isClosed) return
    this.unreported--
    // They are read when the kernel takes them: by then they must be as they were.
    this.sent[this.sent.length - 1] = Buffer.concat(this.inFlight)
    this.events.written()
  }

  end(): void {
    if (this.unreported > 0) throw new Error("FIN before the last byte")
    this.calls.push("end")
    if (!this.stubborn) queueMicrotask(() => this.finish())
  }

  /** The peer ends its output, if it has not, and with both sides ended the connection is gone. */
  finish(): void {
    if (this.isClosed) return
    if (!this.hasEnded) this.events.end()
    this.breaks()
  }

  destroy(): void {
    this.close("destroy")
  }

  reset(): void {
    this.close("reset")
  }

  /** The connection breaks, or ends for good. */
  breaks(reason?: Reason): void {
    this.isClosed = true
    this.report(reason)
  }

  private report(reason?: Reason): void {
    if (this.isReported) return
    this.isReported = true
    this.attached?.closed(reason)
  }

  private close(call: "destroy" | "reset"): void {
    if (this.isClosed) return
    this.isClosed = true
    this.calls.push(call)
    queueMicrotask(() => this.report())
  }
}
