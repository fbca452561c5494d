/** The state of one running server. `Server` has the words for it. */
import * as Cause from "effect/Cause"
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Deferred from "effect/Deferred"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as Fiber from "effect/Fiber"
import * as Latch from "effect/Latch"
import * as NetAddress from "effect/net/NetAddress"
import * as Semaphore from "effect/Semaphore"
import * as ProxyProtocol from "../../ProxyProtocol.ts"
import * as ServerSocket from "../../ServerSocket.ts"
import type { Handler, Options, Report } from "../../Server.ts"
import { isNetworkError, NetworkError } from "../../NetworkError.ts"
import * as SocketMetrics from "../../SocketMetrics.ts"
import { limitsFrom, type SocketStream } from "../../SocketStream.ts"
import { AdmissionRules, type Refusal } from "./AdmissionRules.ts"
import type { StreamCore, StreamLimits } from "../stream/StreamState.ts"

interface Active {
  readonly core: StreamCore
  fiber: Fiber.Fiber<void> | undefined
  /** The server found it between two messages and ends it: its end is orderly. */
  idle: boolean
  /** When its time is over, and when the peer was last heard; kept by the sweep. */
  readonly until: number
  lastHeard: number
}

const defaultDrain = Duration.seconds(10)
/** How long a reset connection's handler may take to notice, in its finalizers, before the server goes without it. */
const abortGrace = Duration.seconds(1)

const ordinary: ReadonlySet<string> = new Set(["ConnectionReset", "TimedOut", "Closed", "Tls"])

const logError = (cause: Cause.Cause<unknown>, stream: SocketStream): Effect.Effect<void> => {
  const error = Cause.squash(cause)
  return isNetworkError(error) && ordinary.has(error.reason._tag)
    ? Effect.void
    : Effect.logError(`${String(stream)}: the handler failed`, cause)
}

const toMillis = (input: Duration.Input | undefined): number =>
  input === undefined ? Infinity : Duration.toMillis(input)

const defaultHeaderTimeout = Duration.seconds(5)

/** The connection was refused after its handler's fiber had begun. */
class Refused {
  readonly refusal: Refusal
  constructor(refusal: Refusal) {
    this.refusal = refusal
  }
}

export class ServerLoop<R> {
  readonly report = Deferred.makeUnsafe<Report>()
  readonly permits: Semaphore.Semaphore
  private readonly active = new Set<Active>()
  private readonly socket: ServerSocket.ServerSocketImpl
  private readonly handler: Handler<R>
  private readonly options: Options<R>
  private readonly limits: StreamLimits
  private readonly maxAge: number
  private readonly idleTimeout: number
  private readonly admission: AdmissionRules
  private readonly empty = Latch.makeUnsafe(true)
  private clock!: Clock.Clock
  private context: Context.Context<R> = Context.empty() as Context.Context<R>

  constructor(socket: ServerSocket.ServerSocketImpl, handler: Handler<R>, options: Options<R>) {
    this.socket = socket
    this.handler = handler
    this.options = options
    this.limits = limitsFrom(options, socket.queue.options.limits)
    this.admission = new AdmissionRules(options)
    this.maxAge = toMillis(options.maxAge)
    this.idleTimeout = toMillis(options.idleTimeout)
    this.permits = Semaphore.makeUnsafe(options.maxConnections ?? socket.capacity)
  }

  get size(): number {
    return this.active.size
  }

  /** A permit, a connection, a fiber. Only the two waits can be interrupted, and neither holds a connection. */
  get run(): Effect.Effect<never, NetworkError, R> {
    return Effect.uninterruptibleMask((restore) => {
      const next = Effect.flatMap(restore(this.permits.take(1)), () =>
        ServerSocket.take(this.socket, restore).pipe(
          Effect.onError(() => this.permits.release(1)),
          Effect.flatMap((core) => this.fork(core))
        )
      )
      const loop = Effect.ensuring(Effect.forever(next, { disableYield: true }), this.drain)
      const start = Effect.contextWith((context: Context.Context<R>) =>
        Effect.clockWith((clock) =>
          Effect.sync(() => {
            this.context = context
            this.clock = clock
            this.socket.queue.onRefused = (core, refusal) => this.refused(core, refusal)
            this.socket.queue.admit(this.admission)
          })
        )
      )
      if (this.options.proxyProtocol !== undefined && this.socket.queue.options.tls !== undefined) {
        const reason = { _tag: "Unsupported", detail: "proxyProtocol on a port that is opened with tls" } as const
        const address = NetAddress.formatSocketAddress(this.socket.address)
        return Effect.fail(NetworkError.make({ operation: "accept", address, reason }))
      }
      return Effect.andThen(start, this.sweeps ? Effect.andThen(Effect.forkChild(restore(this.sweep)), loop) : loop)
    })
  }

  private refused(core: StreamCore, refusal: Refusal): void {
    SocketMetrics.refusedFor[refusal].updateUnsafe(1, this.context)
    const heard = this.options.onRefused?.(core.remoteAddress, refusal)
    if (heard !== undefined) Effect.runForkWith(this.context)(heard)
  }

  /** Who the client behind a proxy is, before its handler sees the connection. */
  private readonly identify = (core: StreamCore): Effect.Effect<void, Refused> =>
    this.admission.isProxied(core)
      ? ProxyProtocol.read(core).pipe(
          Effect.timeout(this.options.proxyProtocol?.timeout ?? defaultHeaderTimeout),
          Effect.mapError(() => new Refused("ProxyHeader")),
          Effect.flatMap((header) => {
            if (header._tag !== "Proxied") return Effect.void
            core.proxied = header
            const refusal = this.admission.enterAs(core, header.source)
            return refusal === undefined ? Effect.void : Effect.fail(new Refused(refusal))
          })
        )
      : Effect.void

  /** From here the connection is its handler's. */
  private fork(core: StreamCore): Effect.Effect<void, never, R> {
    core.limits = this.limits
    const now = this.sweeps ? this.clock.currentTimeMillisUnsafe() : 0
    const active: Active = { core, fiber: undefined, idle: false, until: now + this.maxAge, lastHeard: now }
    this.active.add(active)
    this.empty.closeUnsafe()
    core.onBroken = () => active.fiber?.interruptUnsafe()
    SocketMetrics.accepted.updateUnsafe(1, this.context)
    SocketMetrics.active.updateUnsafe(this.active.size, this.context)
    const handler = Effect.suspend(() => this.handler(core))
    const identified = this.options.proxyProtocol === undefined ? handler : Effect.andThen(this.identify(core), handler)
    const handled = identified.pipe(
      Effect.scoped,
      Effect.interruptible,
      Effect.exit,
      Effect.flatMap((exit) => this.end(active, exit))
    ) as Effect.Effect<void, never, R>
    return Effect.map(Effect.forkDetach(handled, { startImmediately: true, uninterruptible: true }), (fiber) => {
      active.fiber = fiber
    })
  }

  private end(active: Active, exit: Exit.Exit<unknown, unknown>): Effect.Effect<void, never, R> {
    const { core } = active
    const error = Exit.isFailure(exit) ? Cause.squash(exit.cause) : undefined
    if (error instanceof Refused) this.refused(core, error.refusal)
    if (Exit.isSuccess(exit)) core.beginClose()
    else if (active.idle) core.endNow()
    else core.abort()
    return Effect.flatMap(core.awaitGone(), () => {
      this.active.delete(active)
      if (this.active.size === 0) this.empty.openUnsafe()
      this.count(core, exit)
      const released = this.permits.release(1)
      if (Exit.isSuccess(exit) || Cause.hasInterruptsOnly(exit.cause) || error instanceof Refused) {
        return Effect.asVoid(released)
      }
      return Effect.andThen(
        released,
        Effect.suspend(() => (this.options.onError ?? logError)(exit.cause, core))
      )
    })
  }

  private count(core: StreamCore, exit: Exit.Exit<unknown, unknown>): void {
    const outcome = Exit.isSuccess(exit) ? "Succeeded" : Cause.hasInterruptsOnly(exit.cause) ? "Interrupted" : "Failed"
    SocketMetrics.endedBy[outcome].updateUnsafe(1, this.context)
    SocketMetrics.active.updateUnsafe(this.active.size, this.context)
    SocketMetrics.bytesRead.updateUnsafe(core.bytesRead, this.context)
    SocketMetrics.bytesWritten.updateUnsafe(core.bytesWritten, this.context)
  }

  private get sweeps(): boolean {
    return this.maxAge !== Infinity || this.idleTimeout !== Infinity
  }

  /** Looks at all connections now and then: ten thousand of them cost one timer. */
  private get sweep(): Effect.Effect<never> {
    const interval = Math.min(1000, Math.max(10, Math.min(this.maxAge, this.idleTimeout) / 4))
    const once = Effect.sync(() => {
      const now = this.clock.currentTimeMillisUnsafe()
      for (const active of this.active) {
        if (active.core.heard) {
          active.core.heard = false
          active.lastHeard = now
        }
        if (now >= active.until || now - active.lastHeard >= this.idleTimeout) expire(active)
      }
    })
    return Effect.forever(Effect.andThen(Effect.sleep(interval), once))
  }

  /** The graceful stop: no wait in it is longer than its bound. */
  private readonly drain: Effect.Effect<void> = Effect.gen({ self: this }, function* () {
    yield* ServerSocket.close(this.socket)
    const open = this.active.size
    for (const active of this.active) {
      active.core.onIdle = () => endIdle(active)
      if (active.core.isIdle) endIdle(active)
    }
    yield* Effect.timeoutOption(this.empty.await, this.options.drainTimeout ?? defaultDrain)
    const aborted = this.active.size
    for (const active of this.active) cut(active)
    yield* Effect.timeoutOption(this.empty.await, abortGrace)
    const report: Report = { drained: open - aborted, aborted }
    yield* Effect.logDebug("server stopped", report)
    Deferred.doneUnsafe(this.report, Exit.succeed(report))
  })
}

const endIdle = (active: Active): void => {
  active.idle = true
  active.fiber?.interruptUnsafe()
}

const cut = ({ core, fiber }: Active): void => {
  core.abort()
  fiber?.interruptUnsafe()
}

const expire = (active: Active): void => {
  if (active.core.isIdle) endIdle(active)
  else cut(active)
}
