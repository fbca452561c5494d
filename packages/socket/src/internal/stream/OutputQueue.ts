/** What one stream has still to send, and those who wait until it may be more. Pure: it knows nothing of sockets. */
import * as Effect from "effect/Effect"
import type { NetworkError } from "../../NetworkError.ts"
import { encodeAll, join, sizeOf, splitOff } from "./Bytes.ts"
import { append, none, remove } from "./lists.ts"

/** A write that waits for room, or (without bytes) a flush that waits for the kernel to have what came before it. */
export interface Writer {
  readonly chunk: Uint8Array | string | undefined
  /** Ends the wait. Called once, after the writer has left the queue. */
  readonly resume: (outcome: Effect.Effect<void, NetworkError>) => void
}

/** One write to the transport at most: it bounds the wait for progress, so that a slow peer is told from a dead one. */
const largestWrite = 256 * 1024
/** Small writes are joined up to this size; above it one system call with several arrays is cheaper than the copy. */
const largestJoin = 16 * 1024

/** UTF-8 bytes of one UTF-16 unit, at most. */
const longestUtf8 = 3

export class OutputQueue {
  private writers: Array<Writer> = none
  private pending: Array<Uint8Array | string> = none
  /** At least the bytes that are pending: text is counted at its longest until it is encoded. */
  private pendingBytes = 0
  /** Bytes that the transport has and the kernel has not. */
  inFlight = 0

  /** Bytes that the kernel has not. */
  get size(): number {
    return this.pendingBytes + this.inFlight
  }

  get hasPending(): boolean {
    return this.pendingBytes > 0
  }

  get hasWriters(): boolean {
    return this.writers.length > 0
  }

  /** Takes a chunk, whatever waits. */
  put(chunk: Uint8Array | string): void {
    const { pending } = this
    const last = pending.length - 1
    // Texts that leave together are encoded together: that is most of the cost of a short one.
    if (typeof chunk === "string" && last >= 0 && typeof pending[last] === "string") pending[last] += chunk
    else this.pending = append(pending, chunk)
    this.pendingBytes += typeof chunk === "string" ? chunk.length * longestUtf8 : chunk.length
  }

  /** What the next write to the transport is. It is in flight from here. */
  next(): ReadonlyArray<Uint8Array> {
    const chunks = encodeAll(this.pending)
    const all = sizeOf(chunks)
    const rest = all > largestWrite ? splitOff(chunks, largestWrite) : none
    this.pending = rest
    this.pendingBytes = sizeOf(rest)
    const size = all - this.pendingBytes
    this.inFlight = size
    return chunks.length > 1 && size <= largestJoin ? [join(chunks, size)] : chunks
  }

  /** The kernel has what was in flight: how many bytes. */
  taken(): number {
    const { inFlight } = this
    this.inFlight = 0
    return inFlight
  }

  add(writer: Writer): void {
    this.writers = append(this.writers, writer)
  }

  remove(writer: Writer): void {
    remove(this.writers, writer)
  }

  /** The first in line that may go on: with less than `mark` bytes unsent a write, with none a flush. It has left. */
  shift(mark: number): Writer | undefined {
    if (this.writers.length === 0) return undefined
    const isReady = this.writers[0].chunk === undefined ? this.size === 0 : this.size < mark
    return isReady ? this.writers.shift() : undefined
  }

  /** The connection is gone: nothing more leaves, and all that wait get the error. */
  fail(error: () => NetworkError): void {
    this.pending = none
    this.pendingBytes = 0
    this.inFlight = 0
    const { writers } = this
    this.writers = none
    for (const { resume } of writers) resume(Effect.fail(error()))
  }
}
