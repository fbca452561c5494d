/**
 * A reader that stays: it keeps its place in the stream's queue, and runs the program's effect for each frame as it comes.
 * A loop of reads suspends a fiber for each message, which costs more than all the rest of it; here an effect that
 * completes at once suspends nothing.
 */
import type * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Effectable from "effect/Effectable"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import type { NetworkError } from "../../NetworkError.ts"
import * as Decoder from "../../Decoder.ts"
import type { Outcome, Reader } from "./InputQueue.ts"
import { end, type Take } from "./Reads.ts"
import { Step } from "./Step.ts"
import type { StreamState } from "./StreamState.ts"

/**
 * Runs `f` for each frame, in order: the next one waits for the end of its effect. Ends with the input, or with the first
 * failure, of the stream or of the effect. One that runs once ends with its first effect, whatever that gives.
 */
export class Drive<A, E, R, B = void> extends Effectable.Class<B, E | NetworkError, R> {
  readonly stream: StreamState
  readonly take: Take<A>
  readonly f: (frame: A) => Effect.Effect<unknown, E, R>
  readonly isOnce: boolean

  constructor(stream: StreamState, take: Take<A>, f: (frame: A) => Effect.Effect<unknown, E, R>, isOnce = false) {
    super()
    this.stream = stream
    this.take = take
    this.f = f
    this.isOnce = isOnce
  }

  override asEffect(): Effect.Effect<B, E | NetworkError, R> {
    return Effect.contextWith((context: Context.Context<R>) =>
      Effect.callback<B, E | NetworkError>((resume) => {
        const driver = new SuspendedDriver(this, context, resume)
        driver.start()
        return Effect.suspend(() => driver.stop())
      })
    )
  }
}

export abstract class Driver<A, E, R> implements Reader {
  deadline: number
  /** An effect has not completed yet. It may read from the stream itself; the next frame waits for its end. */
  isBusy = false
  /** That of the effect which has not completed, if one has not. */
  private fiber: Fiber.Fiber<unknown, E> | undefined
  /** Set when the driver is stopped by the very effect that it runs: gets how that ends. */
  private onStopped: ((ended: Effect.Effect<void>) => void) | undefined
  private readonly drive: Drive<A, E, R, unknown>
  protected readonly context: Context.Context<R>

  constructor(drive: Drive<A, E, R, unknown>, context: Context.Context<R>) {
    this.drive = drive
    this.context = context
    this.deadline = drive.stream.readDeadline()
  }

  /** Takes its place in the queue, and the frames that are there already. */
  start(): void {
    this.drive.stream.enqueue(this)
  }

  attempt(): Outcome<unknown> | undefined {
    return this.drive.stream.attempt(look, this)
  }

  abstract resume(outcome: Outcome<unknown>): void

  /** One look at the input, which takes all frames that are there. */
  look(stream: StreamState): Outcome<unknown> | undefined {
    const { take } = this.drive
    while (true) {
      const frame = take(stream)
      if (frame === Decoder.more) return stream.inputFailure()
      if (frame === end) return Effect.void
      if (frame instanceof Decoder.Failure) return Effect.fail(stream.error("read", frame.reason))
      this.isBusy = true
      stream.unpause()
      const effect = this.effectOf(frame)
      const fiber = Exit.isExit(effect) ? undefined : Effect.runForkWith(this.context)(effect)
      if (this.onStopped !== undefined) {
        this.onStopped(fiber === undefined ? Effect.void : Fiber.interrupt(fiber))
        return undefined
      }
      const exit = fiber === undefined ? effect : fiber.pollUnsafe()
      if (fiber !== undefined && exit === undefined) {
        this.fiber = fiber
        fiber.addObserver((exit) => this.onExit(exit))
        return undefined
      }
      const outcome = this.completed(exit as Exit.Exit<unknown, E>)
      if (outcome !== undefined) return outcome
    }
  }

  /**
   * What is to be run for a frame, after its first step. One that throws instead dies as an effect would: whoever stops the
   * driver meanwhile waits for it.
   */
  private effectOf(frame: A): Effect.Effect<unknown, E, R> {
    try {
      const effect = this.drive.f(frame)
      return effect instanceof Step ? effect.call() : effect
    } catch (defect) {
      return Effect.die(defect)
    }
  }

  /** The work on a frame is done: how it ended, if the driver ends with it. */
  private completed(exit: Exit.Exit<unknown, E>): Outcome<unknown> | undefined {
    const { isOnce, stream } = this.drive
    this.isBusy = false
    // Whatever it wrote, nobody works on an answer any more.
    stream.awaitingReply = false
    // A failure is the program's own, and goes to whoever runs the driver as it is.
    if (isOnce || Exit.isFailure(exit)) return exit as Exit.Exit<unknown>
    if (this.deadline !== Infinity) stream.renew(this)
    return undefined
  }

  private onExit(exit: Exit.Exit<unknown, E>): void {
    if (this.fiber === undefined) return
    this.fiber = undefined
    const { stream } = this.drive
    const outcome = this.completed(exit)
    if (outcome === undefined) return stream.goOn()
    stream.dequeue(this)
    this.resume(outcome)
  }

  /** Gives up the place, and ends the effect that runs. */
  stop(): Effect.Effect<void> {
    const { fiber } = this
    this.fiber = undefined
    this.drive.stream.dequeue(this)
    if (fiber !== undefined) return Fiber.interrupt(fiber)
    if (!this.isBusy) return Effect.void
    return Effect.callback<void>((resume) => {
      this.onStopped = resume
    })
  }
}

interface Looking {
  look(stream: StreamState): Outcome<unknown> | undefined
}

/** Shared by all drivers: an idle connection has no closure of its own for it. */
const look = (stream: StreamState, driver: Looking): Outcome<unknown> | undefined => driver.look(stream)

/** A driver for which a fiber waits. */
class SuspendedDriver<A, E, R, B> extends Driver<A, E, R> {
  private readonly resumeFiber: (outcome: Effect.Effect<B, E | NetworkError>) => void

  constructor(
    drive: Drive<A, E, R, B>,
    context: Context.Context<R>,
    resumeFiber: (outcome: Effect.Effect<B, E | NetworkError>) => void
  ) {
    super(drive, context)
    this.resumeFiber = resumeFiber
  }

  resume(outcome: Outcome<unknown>): void {
    // What it ends with is of the type that the fiber waits for.
    this.resumeFiber(outcome as Effect.Effect<B, E | NetworkError>)
  }
}
