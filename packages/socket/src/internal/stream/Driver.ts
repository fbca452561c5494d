/**
 * A reader that stays: it keeps its place in the stream's queue, and runs the program's effect for each frame as it comes.
 * A loop of reads suspends a fiber for each message, which costs more than all the rest of it; here an effect that
 * completes at once suspends nothing.
 */
import type * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import type { NetworkError } from "../../NetworkError.ts"
import * as Decoder from "../../Decoder.ts"
import type { Outcome, Reader } from "./InputQueue.ts"
import { end, type Take } from "./Reads.ts"
import type { StreamState } from "./StreamState.ts"

class Driver<A, E> implements Reader {
  deadline: number
  /** An effect has not completed yet. It may read from the stream itself; the next frame waits for its end. */
  isBusy = false
  /** That of the effect which has not completed, if one has not. */
  private fiber: Fiber.Fiber<unknown, E> | undefined
  /** Set when the driver is stopped by the very effect that it is about to get the fiber of. */
  private onStopped: ((fiber: Fiber.Fiber<unknown, E>) => void) | undefined
  private readonly stream: StreamState
  private readonly take: Take<A>
  private readonly run: (frame: A) => Fiber.Fiber<unknown, E>
  readonly resume: (outcome: Outcome<unknown>) => void

  constructor(
    stream: StreamState,
    take: Take<A>,
    run: (frame: A) => Fiber.Fiber<unknown, E>,
    resume: (outcome: Outcome<unknown>) => void
  ) {
    this.stream = stream
    this.take = take
    this.run = run
    this.resume = resume
    this.deadline = stream.readDeadline()
  }

  attempt(): Outcome<unknown> | undefined {
    return this.stream.attempt(this.drive)
  }

  private readonly drive = (stream: StreamState): Outcome<unknown> | undefined => {
    while (true) {
      const frame = this.take(stream)
      if (frame === Decoder.more) return stream.inputFailure()
      if (frame === end) return Effect.void
      if (frame instanceof Decoder.Failure) return Effect.fail(stream.error("read", frame.reason))
      this.isBusy = true
      stream.unpause()
      const fiber = this.run(frame)
      if (this.onStopped !== undefined) {
        this.onStopped(fiber)
        return undefined
      }
      const exit = fiber.pollUnsafe()
      if (exit === undefined) {
        this.fiber = fiber
        fiber.addObserver(this.onExit)
        return undefined
      }
      const failure = this.completed(exit)
      if (failure !== undefined) return failure
    }
  }

  /** The work on a frame is done: its failure, if it failed. */
  private completed(exit: Exit.Exit<unknown, E>): Outcome<unknown> | undefined {
    this.isBusy = false
    // Whatever it wrote, nobody works on an answer any more.
    this.stream.awaitingReply = false
    // The failure is the program's own, and goes to whoever runs the driver as it is.
    if (Exit.isFailure(exit)) return exit as Exit.Exit<never, never>
    if (this.deadline !== Infinity) this.stream.renew(this)
    return undefined
  }

  private readonly onExit = (exit: Exit.Exit<unknown, E>): void => {
    if (this.fiber === undefined) return
    this.fiber = undefined
    const failure = this.completed(exit)
    if (failure === undefined) return this.stream.goOn()
    this.stream.dequeue(this)
    this.resume(failure)
  }

  /** Gives up the place, and ends the effect that runs. */
  stop(): Effect.Effect<void> {
    const { fiber } = this
    this.fiber = undefined
    this.stream.dequeue(this)
    if (fiber !== undefined) return Fiber.interrupt(fiber)
    if (!this.isBusy) return Effect.void
    return Effect.callback<void>((resume) => {
      this.onStopped = (fiber) => resume(Fiber.interrupt(fiber))
    })
  }
}

/**
 * Runs `f` for each frame, in order: the next one waits for the end of its effect. Ends with the input, or with the first
 * failure, of the stream or of the effect.
 */
export const drive = <A, E, R>(
  stream: StreamState,
  take: Take<A>,
  f: (frame: A) => Effect.Effect<unknown, E, R>
): Effect.Effect<void, E | NetworkError, R> =>
  Effect.contextWith((context: Context.Context<R>) => {
    const runFork = Effect.runForkWith(context)
    return Effect.callback<void, E | NetworkError>((resume) => {
      const driver = new Driver<A, E>(
        stream,
        take,
        (frame) => runFork(f(frame)),
        (outcome) => resume(outcome as Effect.Effect<void, E | NetworkError>)
      )
      stream.enqueue(driver)
      return Effect.suspend(() => driver.stop())
    })
  })
