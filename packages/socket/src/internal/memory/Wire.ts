/**
 * One direction of a connection: the sender's kernel, the wire and the receiver's kernel. Pure: time and chance come in
 * as values, nothing is reported.
 *
 * A byte is in the sender's buffer until it has arrived (its acknowledgement takes no time), and in the receiver's window
 * from when it is sent until the program takes it.
 */
import { InputBuffer } from "../stream/InputBuffer.ts"

/** How one direction behaves. Times in milliseconds. */
export interface WireShape {
  readonly latency: number
  /** Up to so much more, drawn for each segment. Nothing overtakes. */
  readonly jitter: number
  /** Bytes per second, `Infinity` for no limit. */
  readonly bandwidth: number
  readonly sendBuffer: number
  readonly receiveBuffer: number
  /** Segments have 1 to so many bytes, drawn for each; `Infinity` leaves them as they were written. */
  readonly maxChunk: number
}

/** What a segment says besides its bytes; each but `data` comes without any. */
export type Kind = "SYN" | "SYN-ACK" | "data" | "FIN" | "RST"

/** Something under way. */
export interface Segment {
  /** When it arrives, on the network's clock, in milliseconds. */
  readonly at: number
  readonly kind: Kind
  readonly bytes: Uint8Array
}

/** Arrived segments that are kept before they are cleared away together: `shift` costs the length of a long array. */
const compactAt = 64

const none = new Uint8Array(0)

/** With a limited bandwidth a segment has about as many bytes as pass in so many milliseconds. */
const slice = 10

export class Wire {
  readonly shape: WireShape
  /** Draws from 0 to 1, 1 excluded. */
  private readonly random: () => number
  /** In the sender's kernel, not yet sent. */
  private readonly unsent = new InputBuffer()
  /** Whether FIN is to follow the last byte, and has not been sent. */
  private ending = false
  /** Segments under way and some that have arrived, in order. */
  private flight: Array<Segment> = []
  /** The index in `flight` of the next that arrives. */
  private head = 0
  /** Bytes under way. */
  private flightBytes = 0
  /** When the wire is free again for the next segment, on the network's clock: bandwidth takes time. */
  private freeAt = 0
  /** When the last segment that was sent arrives: none overtakes it. */
  private lastArrival = 0
  /** In the receiver's kernel, for the program to take. */
  readonly arrived = new InputBuffer()

  constructor(shape: WireShape, random: () => number) {
    this.shape = shape
    this.random = random
  }

  /** How many bytes the sender's kernel takes now. */
  get room(): number {
    return this.shape.sendBuffer - this.unsent.size - this.flightBytes
  }

  /** When the next segment arrives. */
  get nextArrival(): number {
    return this.head === this.flight.length ? Infinity : this.flight[this.head].at
  }

  /** A reset is under way. */
  get isResetting(): boolean {
    return this.head < this.flight.length && this.flight.at(-1)!.kind === "RST"
  }

  /** The sender's kernel takes bytes: at most `room` of them, and an array that nobody changes. */
  take(bytes: Uint8Array): void {
    this.unsent.push(bytes)
  }

  /** FIN follows the last byte. */
  end(): void {
    this.ending = true
  }

  /** Sends what the window lets go: the segments that left. */
  transmit(now: number): ReadonlyArray<Segment> {
    const from = this.flight.length
    while (this.unsent.size > 0) {
      const window = this.shape.receiveBuffer - this.arrived.size - this.flightBytes
      if (window <= 0) break
      const bytes = this.unsent.take(Math.min(this.unsent.size, window, this.draw()))
      this.flightBytes += bytes.length
      this.send("data", now, bytes)
    }
    if (this.ending && this.unsent.size === 0) {
      this.ending = false
      this.send("FIN", now)
    }
    return from === this.flight.length ? nothing : this.flight.slice(from)
  }

  private draw(): number {
    const { bandwidth, maxChunk } = this.shape
    const most = bandwidth === Infinity ? Infinity : Math.max(1, Math.floor((bandwidth * slice) / 1000))
    return maxChunk === Infinity ? most : Math.min(most, 1 + Math.floor(this.random() * maxChunk))
  }

  /** Puts a segment on the wire, behind all that is under way. */
  send(kind: Kind, now: number, bytes: Uint8Array = none): void {
    const { bandwidth, jitter, latency } = this.shape
    this.freeAt = Math.max(this.freeAt, now) + (bandwidth === Infinity ? 0 : (bytes.length * 1000) / bandwidth)
    this.lastArrival = Math.max(this.lastArrival, this.freeAt + latency + (jitter > 0 ? this.random() * jitter : 0))
    this.flight.push({ at: this.lastArrival, kind, bytes })
  }

  /** The next segment that has arrived by now. Its bytes are the receiver's. */
  receive(now: number): Segment | undefined {
    if (this.nextArrival > now) return undefined
    const segment = this.flight[this.head++]
    this.flightBytes -= segment.bytes.length
    if (this.head === this.flight.length || (this.head > compactAt && this.head * 2 > this.flight.length))
      this.compact()
    return segment
  }

  /** Resets are sent once: those under way are lost if the way is cut, all else is sent again when it is open. */
  loseResets(): number {
    this.compact()
    const before = this.flight.length
    this.flight = this.flight.filter(({ kind }) => kind !== "RST")
    return before - this.flight.length
  }

  /** Sends again what waits for the way to be open. */
  retransmit(now: number): void {
    this.compact()
    this.flight = this.flight.map((segment) => ({ ...segment, at: Math.max(segment.at, now + this.shape.latency) }))
    this.lastArrival = Math.max(this.lastArrival, this.flight.at(-1)?.at ?? 0)
  }

  /** The sender's kernel forgets what it has not sent. */
  dropUnsent(): void {
    this.unsent.clear()
    this.ending = false
  }

  /** The sender's kernel gives up: what is under way is lost too. */
  drop(): void {
    this.dropUnsent()
    this.flight = []
    this.head = 0
    this.flightBytes = 0
  }

  private compact(): void {
    this.flight.splice(0, this.head)
    this.head = 0
  }
}

const nothing: ReadonlyArray<Segment> = []
