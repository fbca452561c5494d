/**
 * A handler that is nothing but a driver, as `(stream) => SocketStream.forEachLine(stream, answer)` is: it needs no fiber
 * that waits for its end. To make one and suspend it is a tenth of what a short connection costs, and a fifth of the memory of
 * one that is idle. Its frames have the handler's scope as they would have in a fiber.
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Scope from "effect/Scope"
import { type Drive, Driver } from "../stream/Driver.ts"
import type { Outcome } from "../stream/InputQueue.ts"
import type { Handled, Running } from "./Handled.ts"

class DirectDriver<R> extends Driver<unknown, unknown, R | Scope.Scope> implements Running {
  private readonly scope: Scope.Closeable
  private readonly handled: Handled
  /** It has ended, or is about to. */
  isOver = false

  constructor(drive: Drive<unknown, unknown, R | Scope.Scope>, context: Context.Context<R>, handled: Handled) {
    const scope = Scope.makeUnsafe()
    super(drive, Context.add(context, Scope.Scope, scope))
    this.scope = scope
    this.handled = handled
  }

  /** The input has ended, or something has failed. */
  resume(outcome: Outcome<unknown>): void {
    if (this.isOver) return
    this.isOver = true
    // What a driver ends with waits for nothing.
    this.end(outcome as Exit.Exit<unknown, unknown>)
  }

  interruptUnsafe(): void {
    if (this.isOver) return
    this.isOver = true
    const stopped = this.stop()
    if (stopped === Effect.void) this.end(Exit.interrupt())
    else Effect.runForkWith(this.context)(stopped).addObserver(() => this.end(Exit.interrupt()))
  }

  private end(exit: Exit.Exit<unknown, unknown>): void {
    const closing = Scope.closeUnsafe(this.scope, exit)
    if (closing === undefined) return this.handled.exited(exit)
    const closed = Effect.onExit(exit, () => closing)
    Effect.runForkWith(this.context)(closed).addObserver((exit) => this.handled.exited(exit))
  }
}

/** Runs the driver as the handler of a connection. */
export const drive = <R>(
  handler: Drive<unknown, unknown, R | Scope.Scope>,
  context: Context.Context<R>,
  handled: Handled
): void => {
  const driver = new DirectDriver(handler, context, handled)
  handled.begun(driver)
  if (!driver.isOver) driver.start()
}
