/** From one stream to another, through buffers that are used again: a new one for each read would cost more than it. */
import * as Effect from "effect/Effect"
import type { NetworkError } from "../../NetworkError.ts"
import { allocate } from "./Bytes.ts"
import type { Outcome, Reader } from "./InputQueue.ts"
import type { Writer } from "./OutputQueue.ts"
import type { StreamState } from "./StreamState.ts"

/** As much as Node reads at once. */
const bufferSize = 64 * 1024
/** What is kept for later copies, of all streams together: 1 MiB. */
const mostFree = 16
const free: Array<Uint8Array> = []

/** A reader that stays, and holds a buffer only while the kernel has not taken what is in it. */
class Copier implements Reader {
  deadline: number
  /** It moves bytes, which may bring more in the same call, or the kernel has not taken what was read last. */
  isBusy = false
  /** Bytes moved so far. */
  private total = 0
  /** What was read last, until the kernel has it. */
  private buffer: Uint8Array | undefined
  /** Its place among the writers of `to`, while it waits for the kernel. */
  private writer: Writer | undefined
  private readonly from: StreamState
  private readonly to: StreamState
  readonly resume: (outcome: Outcome<unknown>) => void

  constructor(from: StreamState, to: StreamState, resume: (outcome: Outcome<unknown>) => void) {
    this.from = from
    this.to = to
    this.resume = resume
    this.deadline = from.readDeadline()
  }

  attempt(): Outcome<unknown> | undefined {
    this.isBusy = true
    const outcome = this.from.attempt(this.move)
    this.isBusy = this.writer !== undefined
    return outcome
  }

  /** The bytes go from one stream to the other in one step, so that no interruption finds them in between. */
  private readonly move = (): Outcome<number> | undefined => {
    const { from, to } = this
    while (true) {
      // Sends what is due, and may find the connection broken.
      const { isFlushed } = to
      const error = to.outputError("write")
      if (!isFlushed && error === undefined) {
        this.waitForKernel()
        return undefined
      }
      if (isFlushed) this.giveBack()
      // What still leaves an output that was closed meanwhile is in it.
      else this.buffer = undefined
      const isEmpty = from.input.size === 0
      // An output that was ended is wanted only for what comes; a broken one is of no use at all.
      if (error !== undefined && (!isEmpty || error.reason._tag !== "Closed")) return Effect.fail(error)
      if (isEmpty) return from.ended ? Effect.succeed(this.total) : from.inputFailure()
      this.buffer = free.pop() ?? allocate(bufferSize)
      const chunk = from.input.takeInto(this.buffer)
      to.put(chunk)
      from.unpause()
      this.total += chunk.length
      if (this.deadline !== Infinity) from.renew(this)
    }
  }

  private waitForKernel(): void {
    const writer: Writer = {
      chunk: undefined,
      resume: (outcome) => {
        this.writer = undefined
        this.isBusy = false
        if (outcome === Effect.void) return this.from.goOn()
        this.from.dequeue(this)
        this.resume(outcome)
      }
    }
    this.writer = writer
    this.to.awaitRoom(writer)
  }

  private giveBack(): void {
    if (this.buffer !== undefined && free.length < mostFree) free.push(this.buffer)
    this.buffer = undefined
  }

  /** Gives up the place. A buffer that the kernel has not taken is not used again. */
  stop(): void {
    if (this.writer !== undefined) this.to.leave(this.writer)
    this.from.dequeue(this)
  }
}

/** What `from` has to come, to `to`: how many bytes it was. */
export const copy = (from: StreamState, to: StreamState): Effect.Effect<number, NetworkError> =>
  Effect.callback<number, NetworkError>((resume) => {
    const copier = new Copier(from, to, (outcome) => resume(outcome as Effect.Effect<number, NetworkError>))
    from.enqueue(copier)
    return Effect.sync(() => copier.stop())
  })
