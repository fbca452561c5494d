/**
 * One running server. `Server` has the words for it.
 *
 * A connection comes down one way: the transport reports it, `AcceptQueue` holds the rules against it, and `take` gives it
 * a permit and who runs its handler, at once or after its wait. From `handle` on it is owned by a `Handled`; the handler's
 * exit decides between FIN and RST, and `ended` gives the permit to the next that waits.
 *
 * The file is longer than others: who comes in, who hears of it and how all of it ends share one state.
 */
// oxlint-disable max-lines -- see above
import * as Cause from "effect/Cause"
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Latch from "effect/Latch"
import * as Metric from "effect/Metric"
import * as Result from "effect/Result"
import * as InvalidOption from "@effect-sockets/resolver/InvalidOption"
import type { SecureConnection } from "../../Connection.ts"
import * as ProxyProtocol from "../../ProxyProtocol.ts"
import { isNetworkError, type NetworkError } from "../../NetworkError.ts"
import * as SocketMetrics from "../../SocketMetrics.ts"
import type { SocketStream } from "../../SocketStream.ts"
import { countFailure } from "../countFailure.ts"
import { LinkedList } from "../LinkedList.ts"
import * as spans from "../spans.ts"
import { Drive } from "../stream/Driver.ts"
import { startTls } from "../stream/startTls.ts"
import { limitsFrom, type StreamLimits } from "../stream/StreamOptions.ts"
import type { StreamState } from "../stream/StreamState.ts"
import type { Taker } from "./AcceptQueue.ts"
import { AdmissionRules } from "./AdmissionRules.ts"
import { drive } from "./DirectDriver.ts"
import { Handled, type Handling, noticeGrace } from "./Handled.ts"
import type { ListeningPort } from "./ListeningPort.ts"
import { alarmOf, type LoadAlarm } from "./LoadAlarm.ts"
import type { Report } from "./Report.ts"
import { bounds, type Handler, type Options } from "./ServerOptions.ts"

/** The default of `drainTimeout`, in milliseconds. */
const defaultDrain = 10_000
/** Milliseconds between two looks at those that wait while a server hands its port over. */
const turnInterval = 50
/** Milliseconds to wait for a PROXY header; HAProxy's specification asks for at least 3 seconds. */
const defaultHeaderTimeout = 5000
/** Bytes of a PROXY header at most: room for the certificate of a client. */
const defaultHeaderBytes = 4096

/** Reasons for which a handler fails that are nobody's fault here: counted, not logged. */
const ordinary: ReadonlySet<string> = new Set(["ConnectionReset", "TimedOut", "Closed", "Tls"])

const logError = (cause: Cause.Cause<unknown>, stream: SocketStream): Effect.Effect<void> => {
  const error = Cause.squash(cause)
  return isNetworkError(error) && ordinary.has(error.reason._tag)
    ? Effect.void
    : Effect.logError(`${String(stream)}: the handler failed`, cause)
}

/** The connection was refused after its handler's fiber had begun. */
class Refused {
  readonly _tag: SocketMetrics.Refusal
  constructor(refusal: SocketMetrics.Refusal) {
    this._tag = refusal
  }
}

export class ServerLoop<R> implements Taker, Handling {
  /** How the stop went, once it is over. */
  readonly report = Deferred.makeUnsafe<Report>()
  /** The connections that have a permit, each until both its handler and its descriptor are gone. */
  readonly handled = new LinkedList<Handled>()
  readonly rules: AdmissionRules
  /** No more connections are taken, and those between two messages end. */
  isStopping = false
  /** Another process serves the port on: who waits gets a turn, and who has said nothing yet is not sent away. */
  isHandingOver = false
  private readonly port: ListeningPort
  private readonly handler: Handler<R>
  private readonly options: Options<R>
  private readonly limits: StreamLimits
  /** Both in milliseconds, `Infinity` for none. */
  private readonly maxAge: number
  private readonly idleTimeout: number
  /** How many connections may have a permit. */
  private maxConnections: number
  private readonly metrics: SocketMetrics.ServerMetrics
  private readonly alarm: LoadAlarm<R> | undefined
  /** Open while no connection is handled. */
  private readonly empty = Latch.makeUnsafe(true)
  /** Open while no connection does more than linger. */
  private readonly unused = Latch.makeUnsafe(true)
  /** Connections that do more than linger. */
  private inUse = 0
  /** Open when all connections were cut: none of them needs time to end in order. */
  private readonly hurry = Latch.makeUnsafe(false)
  /** The clock and the services of the fiber that runs the server; set when it begins to. */
  private clock!: Clock.Clock
  private context: Context.Context<R> = Context.empty() as Context.Context<R>
  private runFork = Effect.runForkWith(this.context)
  /** What is asked for when somebody looks, and costs nothing until then. */
  private gauges: ReadonlyArray<Metric.Registration> = []
  /** Whether each connection is a span. */
  private isTraced = false
  /** Connections that have ended since the stop began, in order and otherwise. */
  private drained = 0
  private aborted = 0

  constructor(port: ListeningPort, handler: Handler<R>, options: Options<R>) {
    this.port = port
    this.handler = handler
    this.options = options
    this.limits = limitsFrom(options, port.queue.options.limits)
    this.rules = new AdmissionRules(options)
    this.maxAge = InvalidOption.toMillis(options.maxAge)
    this.idleTimeout = InvalidOption.toMillis(options.idleTimeout)
    this.metrics = SocketMetrics.at(port.address)
    this.alarm = alarmOf(
      options,
      (callback) => this.call(callback),
      (millis) => this.lookAgain(millis)
    )
    const { maxConnections, queue } = bounds(options.maxConnections, port)
    this.maxConnections = maxConnections
    port.queue.capacity = queue
  }

  /** Serves until the port fails or is closed, or this is interrupted. Then it drains, and reports. */
  get run(): Effect.Effect<never, NetworkError, R> {
    return Effect.uninterruptibleMask((restore) => {
      const start = Effect.contextWith((context: Context.Context<R>) =>
        Effect.clockWith((clock) =>
          Effect.sync(() => {
            this.context = context
            this.runFork = Effect.runForkWith(context)
            this.isTraced = spans.isTraced(context)
            this.clock = clock
            this.gauges = this.measure(context)
            this.port.queue.serve(this)
            this.takeWaiting()
          })
        )
      )
      const serving = Effect.ensuring(restore(this.port.queue.awaitClose), this.drain)
      return Effect.andThen(
        start,
        this.sweeps ? Effect.andThen(Effect.forkChild(restore(this.sweep)), serving) : serving
      )
    })
  }

  private measure(context: Context.Context<never>): ReadonlyArray<Metric.Registration> {
    const { active, waiting } = this.metrics
    const of = (metric: Metric.Gauge<number>, value: () => number): Metric.Registration =>
      Metric.registerUnsafe(metric, context, { get: () => ({ value: value() }), update: () => {}, modify: () => {} })
    return [of(active, () => this.handled.size), of(waiting, () => this.port.queue.size)]
  }

  // The way of a connection ----------------------------------------------------------------------------------------

  /** With a permit free it is ours from here; otherwise it stays whose it was. */
  take(stream: StreamState): boolean {
    if (!this.hasPermit) return false
    this.handle(stream)
    return true
  }

  private get hasPermit(): boolean {
    return this.handled.size < this.maxConnections
  }

  /** As many of those that wait as there are permits. */
  private takeWaiting(): void {
    const { queue } = this.port
    while ((!this.isStopping || this.isHandingOver) && queue.size > 0 && this.hasPermit) {
      const stream = queue.shift()
      if (stream === undefined) return
      const now = stream.connection.timers.now()
      this.metrics.waitTime.updateUnsafe((now - (stream.arrivedAt ?? now)) / 1000, this.context)
      this.handle(stream)
    }
  }

  /** It has a permit, and who runs its handler: from here it is its `Handled`'s. */
  private handle(stream: StreamState): void {
    stream.limits = this.limits
    const handled = new Handled(stream, this, this.clock.currentTimeMillisUnsafe())
    this.handled.add(handled)
    this.empty.closeUnsafe()
    this.unused.closeUnsafe()
    this.inUse++
    this.metrics.accepted.updateUnsafe(1, this.context)
    this.alarm?.rose(this.handled.size, this.maxConnections, handled.since)
    this.begin(handled)
  }

  private begin(handled: Handled): void {
    const { stream } = handled
    if (this.isTraced || this.rules.isProxied(stream.connection)) {
      return handled.runBy(this.runFork(this.handling(stream)))
    }
    const handler = this.handlerOf(stream)
    if (handler instanceof Drive && handler.stream === stream) drive(handler, this.context, handled)
    else handled.runBy(this.runFork(Effect.scoped(handler)))
  }

  private handlerOf(stream: StreamState): Effect.Effect<unknown, unknown, R> {
    try {
      return this.handler(stream)
    } catch (defect) {
      return Effect.die(defect)
    }
  }

  private handling(stream: StreamState): Effect.Effect<unknown, unknown, R> {
    // Each connection brings the handler's scope.
    let handling = Effect.scoped(Effect.suspend(() => this.handler(stream))) as Effect.Effect<unknown, unknown, R>
    if (this.isTraced) handling = spans.handler(stream, handling)
    if (this.rules.isProxied(stream.connection)) handling = Effect.andThen(this.identify(stream), handling)
    return this.isTraced ? spans.connection(stream, handling) : handling
  }

  /** Who the client behind a proxy is, before its handler sees the connection. */
  private identify(stream: StreamState): Effect.Effect<void, NetworkError | Refused> {
    const { maxBytes = defaultHeaderBytes, timeout } = this.options.proxyProtocol ?? {}
    // A proxy that says nothing gains no time by its wait in the queue.
    const { arrivedAt, connection } = stream
    const waited = arrivedAt === undefined ? 0 : connection.timers.now() - arrivedAt
    return ProxyProtocol.read(stream, { maxBytes }).pipe(
      Effect.timeout(Math.max(0, InvalidOption.toMillis(timeout, defaultHeaderTimeout) - waited)),
      Effect.mapError(() => new Refused("ProxyHeader")),
      Effect.flatMap((header): Effect.Effect<void, NetworkError | Refused> => {
        if (header._tag === "Proxied") stream.proxied = header
        const refusal = header._tag === "Proxied" ? this.rules.enterAs(stream, header.source) : undefined
        return refusal === undefined ? this.secure(stream) : Effect.fail(new Refused(refusal))
      })
    )
  }

  /** The handshake that follows a header. What came with the header is part of it. */
  private secure(stream: StreamState): Effect.Effect<void, NetworkError> {
    const { tls } = this.port.queue.options
    if (tls === undefined || "handshake" in stream.connection) return Effect.void
    const error = stream.beginUpgrade()
    if (error !== undefined) return Effect.fail(error)
    const secure = startTls(stream, { side: "server", options: tls })
    if (Result.isSuccess(secure)) this.onHandshake(secure.success)
    return Effect.asVoid(Effect.fromResult(secure))
  }

  onHandshake({ handshake }: SecureConnection): void {
    this.runFork(handshake).addObserver((exit) => {
      if (Exit.isFailure(exit)) countFailure(this.metrics.handshakesFailedFor, exit.cause, this.context)
    })
  }

  exited(handled: Handled): void {
    this.tell(handled)
  }

  settled(): void {
    this.inUse--
    if (this.inUse === 0) this.unused.openUnsafe()
  }

  /** Both the handler and the connection have ended: the permit goes to the next that waits. */
  ended(handled: Handled): void {
    if (!this.handled.remove(handled)) return
    try {
      this.count(handled)
      this.tell(handled)
    } finally {
      if (this.handled.size === 0) this.empty.openUnsafe()
      this.takeWaiting()
      if (!this.isStopping) this.alarm?.fell(this.handled.size, this.maxConnections)
    }
  }

  private count({ exit, stream }: Handled): void {
    const { metrics } = this
    if (this.isStopping && stream.endedInOrder) this.drained++
    else if (this.isStopping) this.aborted++
    const outcome =
      exit === undefined || Exit.isSuccess(exit)
        ? "Succeeded"
        : Cause.hasInterruptsOnly(exit.cause)
          ? "Interrupted"
          : "Failed"
    metrics.endedBy[outcome].updateUnsafe(1, this.context)
    metrics.bytesRead.updateUnsafe(stream.bytesRead, this.context)
    metrics.bytesWritten.updateUnsafe(stream.bytesWritten, this.context)
  }

  // What users hear ------------------------------------------------------------------------------------------------

  private tell(handled: Handled): void {
    const { failure, stream } = handled
    if (failure === undefined || handled.isTold) return
    handled.isTold = true
    const refused = Cause.squash(failure)
    if (refused instanceof Refused) return this.onRefused(stream, refused._tag)
    this.call(() => (this.options.onError ?? logError)(failure, stream))
  }

  onRefused(stream: StreamState, refusal: SocketMetrics.Refusal): void {
    this.metrics.refusedFor[refusal].updateUnsafe(1, this.context)
    const { onRefused } = this.options
    if (onRefused !== undefined) this.call(() => onRefused(stream.remoteAddress, refusal, stream.localAddress))
  }

  onDefect(cause: unknown, stream: StreamState | undefined): void {
    const died = Cause.die(cause)
    this.call(() =>
      stream === undefined
        ? Effect.logError("a connection was reset before anybody had it", died)
        : (this.options.onError ?? logError)(died, stream)
    )
  }

  /** Runs a callback of the user's. Its faults are its own: they are logged, and end nothing. */
  private call(callback: () => Effect.Effect<void, never, R>): void {
    // An observer also hears of what is no effect at all.
    this.runFork(Effect.suspend(callback)).addObserver((exit) => {
      if (Exit.isFailure(exit)) this.runFork(Effect.logError("a callback of the server failed", exit.cause))
    })
  }

  /** Whether the alarm that was held back is still due. A server that stops waits for that no more. */
  private lookAgain(millis: number): void {
    const look = Effect.sync(() => {
      if (this.isStopping) return
      this.alarm?.looksAgain(this.handled.size, this.maxConnections, this.clock.currentTimeMillisUnsafe())
    })
    this.runFork(Effect.raceFirst(Effect.andThen(Effect.sleep(millis), look), Deferred.await(this.report)))
  }

  // The clock ------------------------------------------------------------------------------------------------------

  /** Whether any connection may have too much of something. */
  private get sweeps(): boolean {
    return this.maxAge !== Infinity || this.idleTimeout !== Infinity
  }

  /** Looks at all connections now and then: ten thousand of them cost one timer. */
  private get sweep(): Effect.Effect<never> {
    const interval = Math.min(1000, Math.max(10, Math.min(this.maxAge, this.idleTimeout) / 4))
    const once = Effect.sync(() => {
      const now = this.clock.currentTimeMillisUnsafe()
      for (const handled of this.handled) {
        const { stream } = handled
        // Where somebody has said that they are at work, the peer may wait in silence for as long.
        if (stream.bytesRead !== handled.bytesHeard || stream.isBusy) {
          handled.bytesHeard = stream.bytesRead
          handled.lastHeard = now
        }
        if (now - handled.since >= this.maxAge || now - handled.lastHeard >= this.idleTimeout) handled.expire(now)
      }
    })
    return Effect.forever(Effect.andThen(Effect.sleep(interval), once))
  }

  // The end --------------------------------------------------------------------------------------------------------

  /** Resets every connection, whatever it does. A stop waits no longer for any of them. */
  cutAll(): void {
    this.isStopping = true
    this.isHandingOver = false
    this.hurry.openUnsafe()
    for (const handled of this.handled) handled.cut()
  }

  resize(maxConnections: number): Effect.Effect<void> {
    return Effect.sync(() => {
      this.maxConnections = maxConnections
      this.takeWaiting()
      this.alarm?.rose(this.handled.size, maxConnections, this.clock.currentTimeMillisUnsafe())
      this.alarm?.fell(this.handled.size, maxConnections)
    })
  }

  /** Nobody waits and no connection is in use, or another end was asked for: looked at now and then, for it is rare. */
  private readonly turns: Effect.Effect<void> = Effect.suspend(() =>
    this.isHandingOver && this.inUse + this.port.queue.size > 0
      ? Effect.andThen(Effect.sleep(turnInterval), this.turns)
      : Effect.void
  )

  /**
   * The graceful stop: no wait in it is longer than its bound. Its report is there as soon as no connection is in use; those
   * that linger do so side by side, for what is left of the time.
   */
  private readonly drain: Effect.Effect<void> = Effect.gen({ self: this }, function* () {
    const drainTimeout = InvalidOption.toMillis(this.options.drainTimeout, defaultDrain)
    let until = this.clock.currentTimeMillisUnsafe() + drainTimeout
    this.isStopping = true
    if (this.isHandingOver) {
      yield* this.port.suspend
      for (const { stream } of this.handled) stream.lookForIdle()
      yield* Effect.timeoutOption(this.turns, drainTimeout)
      this.isHandingOver = false
      // Those that are sent away after all get the time to notice.
      until = Math.max(until, this.clock.currentTimeMillisUnsafe() + noticeGrace)
    }
    yield* this.port.close
    for (const { stream } of this.handled) stream.lookForIdle()
    const millis = until - this.clock.currentTimeMillisUnsafe()
    yield* Effect.timeoutOption(Effect.raceFirst(this.unused.await, this.hurry.await), millis)
    for (const handled of this.handled) if (!handled.isSettled) handled.endNow()
    yield* Effect.timeoutOption(this.unused.await, noticeGrace)
    const lingering = Array.from(this.handled).filter(
      ({ isSettled, stream }) => isSettled && stream.endedInOrder
    ).length
    const report: Report = {
      drained: this.drained + lingering,
      aborted: this.aborted + this.handled.size - lingering
    }
    yield* Effect.logDebug("server stopped", report)
    Deferred.doneUnsafe(this.report, Exit.succeed(report))
    const left = Math.max(0, until - this.clock.currentTimeMillisUnsafe())
    yield* Effect.timeoutOption(Effect.raceFirst(this.empty.await, this.hurry.await), left)
    for (const handled of this.handled) handled.endNow()
    yield* Effect.timeoutOption(this.empty.await, noticeGrace)
    for (const gauge of this.gauges) gauge.remove()
  })
}
