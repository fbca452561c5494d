/**
 * One connection to a host, out of all its addresses: the race of RFC 8305, as plain calls over `Network.dial` and the
 * network's timers. With one address there is no race, and no timer but that of the whole.
 */
import * as Cause from "effect/Cause"
import * as Context from "effect/Context"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as NetAddress from "effect/net/NetAddress"
import * as Result from "effect/Result"
import * as Stream from "effect/Stream"
import * as InvalidOption from "@effect-sockets/resolver/InvalidOption"
import { type HostInput, parseHost, Resolver } from "@effect-sockets/resolver/Resolver"
import type { ResolverError } from "@effect-sockets/resolver/ResolverError"
import type { Connection } from "../../Connection.ts"
import { type ConnectOptions, Network } from "../../Network.ts"
import { make as makeError, type NetworkError, type Reason } from "../../NetworkError.ts"
import { portProblem } from "../port.ts"
import { client as metrics } from "../../SocketMetrics.ts"
import { AttemptSpan, isTraced } from "../spans.ts"
import { checks as streamChecks, limitsFrom, type Options } from "../stream/StreamOptions.ts"
import { StreamState } from "../stream/StreamState.ts"
import { label, type Target } from "./Target.ts"

/** How the connection to a host is made. */
export interface RaceOptions extends ConnectOptions {
  /** How long everything may take, resolution and all attempts together. Default 30 seconds. */
  readonly connectTimeout?: Duration.Input | undefined
  /** How long an attempt has the field to itself. Default 250 ms, as RFC 8305, section 5, recommends. */
  readonly attemptDelay?: Duration.Input | undefined
}

const checks = {
  ...streamChecks,
  connectTimeout: InvalidOption.positiveDuration,
  attemptDelay: InvalidOption.duration,
  maxAge: InvalidOption.positiveDuration
} as const

const defaultTimeout = 30_000
const defaultDelay = 250
/** How long IPv6 may still come when IPv4 was faster (RFC 8305, section 3). */
const resolutionDelay = 50

interface Attempt {
  readonly address: NetAddress.SocketAddress
  /** Why it failed, or what holds it up. */
  error: NetworkError | undefined
  /** Gives the attempt up, while it is under way. */
  cancel: (() => void) | undefined
  readonly span: AttemptSpan | undefined
}

/** Takes from both in turn, from `first` first. */
const interleave = <A>(first: ReadonlyArray<A>, second: ReadonlyArray<A>): Array<A> => {
  const all: Array<A> = []
  for (let i = 0; i < first.length || i < second.length; i++) {
    if (i < first.length) all.push(first[i])
    if (i < second.length) all.push(second[i])
  }
  return all
}

class Race {
  private readonly network: Network["Service"]
  private readonly target: Target
  private readonly context: Context.Context<Network>
  private readonly isTraced: boolean
  private readonly options: RaceOptions & Options
  private readonly resume: (outcome: Effect.Effect<StreamState, NetworkError>) => void
  private readonly attempts: Array<Attempt> = []
  private untried: Array<NetAddress.SocketAddress> = []
  private underWay = 0
  /** Whether more addresses may come. */
  private isResolving = true
  /** Whether the first attempt still waits for the other family. */
  private isHeldBack = false
  private isOver = false
  /** The winner, from the moment at which there is one. */
  stream: StreamState | undefined
  private disarm: (() => void) | undefined
  private readonly disarmTotal: () => void
  /** When it began, on the network's timers. */
  private readonly since: number
  /** Gives up the resolution, while it is under way. */
  private stopResolving: (() => void) | undefined

  constructor(
    context: Context.Context<Network>,
    target: Target,
    options: RaceOptions & Options,
    resume: (outcome: Effect.Effect<StreamState, NetworkError>) => void
  ) {
    const network = (this.network = Context.get(context, Network))
    this.context = context
    this.isTraced = isTraced(context)
    this.since = network.timers.now()
    this.target = target
    this.options = options
    this.resume = resume
    const millis = InvalidOption.toMillis(options.connectTimeout, defaultTimeout)
    this.disarmTotal = network.timers.set(millis, () => this.fail({ _tag: "TimedOut", millis }))
  }

  /** All addresses are known: it is one. */
  runAt(address: NetAddress.SocketAddress): void {
    this.isResolving = false
    this.untried = [address]
    this.startNext()
  }

  /** The addresses come from the resolver, family by family. */
  runFor(host: HostInput, port: number, context: Context.Context<Resolver>): void {
    const answers = Stream.unwrap(Resolver.useSync((resolver) => resolver.answers(host))).pipe(
      Stream.runForEach((addresses) =>
        Effect.sync(() => this.add(addresses.map((address) => NetAddress.inetAddressUnsafe(address, port))))
      )
    )
    const fiber = Effect.runForkWith(context)(answers)
    this.stopResolving = () => fiber.interruptUnsafe()
    fiber.addObserver((exit) => this.resolved(exit))
  }

  private resolved(exit: Exit.Exit<void, ResolverError>): void {
    this.stopResolving = undefined
    if (this.isOver) return
    this.isResolving = false
    if (Exit.isFailure(exit) && this.attempts.length + this.untried.length === 0) {
      const error = Cause.findErrorOption(exit.cause)
      if (error._tag === "None") return this.end(Effect.failCause(exit.cause as Cause.Cause<never>))
      return this.fail({ _tag: "Resolution", error: error.value })
    }
    this.isHeldBack = false
    this.goOn()
  }

  private add(addresses: Array<NetAddress.SocketAddress>): void {
    if (this.isOver) return
    const isFirst = this.attempts.length + this.untried.length === 0
    // The families take turns: after an address of one comes one of the other.
    this.untried = interleave(addresses, this.untried)
    if (!isFirst) {
      this.isHeldBack = false
    } else if (NetAddress.isInetAddressV4(addresses[0])) {
      this.isHeldBack = true
      this.arm(resolutionDelay)
    }
    this.goOn()
  }

  /** Nothing is under way that would start the next attempt: start it, or end. */
  private goOn(): void {
    if (this.isOver || this.underWay > 0 || this.isHeldBack) return
    if (this.untried.length > 0) return this.startNext()
    if (this.isResolving) return
    const last = this.attempts.at(-1)?.error
    this.fail(last?.reason ?? { _tag: "AddressNotAvailable" })
  }

  private startNext(): void {
    this.disarm?.()
    this.disarm = undefined
    const address = this.untried.shift()
    if (address === undefined) return
    const span = this.isTraced ? new AttemptSpan(this.context, this.target, address) : undefined
    const attempt: Attempt = { address, error: undefined, cancel: undefined, span }
    this.attempts.push(attempt)
    this.underWay++
    metrics.attempts.updateUnsafe(1, this.context)
    let isSettled = false
    const settle = (): void => {
      isSettled = true
      attempt.cancel = undefined
      this.underWay--
    }
    const cancel = this.network.dial(address, this.options, {
      connected: (connection) => {
        settle()
        span?.connected(connection)
        this.win(connection)
      },
      failed: (error) => {
        settle()
        span?.failed(Cause.fail(error))
        metrics.attemptsFailedFor[error.reason._tag].updateUnsafe(1, this.context)
        attempt.error = error
        // An earlier one leaves the field to those that came after it.
        if (this.attempts.at(-1) === attempt && this.untried.length > 0 && !this.isOver) this.startNext()
        else this.goOn()
      },
      delayed: (error) => {
        attempt.error = error
      },
      defect: (cause) => {
        if (!isSettled) settle()
        span?.failed(Cause.die(cause))
        this.end(Effect.die(cause))
      }
    })
    if (isSettled) return
    attempt.cancel = cancel
    if (this.untried.length > 0 || this.isResolving)
      this.arm(InvalidOption.toMillis(this.options.attemptDelay, defaultDelay))
  }

  private arm(millis: number): void {
    this.disarm?.()
    this.disarm = this.network.timers.set(millis, () => {
      this.disarm = undefined
      this.isHeldBack = false
      this.startNext()
    })
  }

  private win(connection: Connection): void {
    if (this.isOver) return connection.destroy()
    const stream = new StreamState(connection, limitsFrom(this.options))
    this.stream = stream
    metrics.openTime.updateUnsafe((this.network.timers.now() - this.since) / 1000, this.context)
    this.end(Effect.succeed(stream))
  }

  private fail(reason: Reason): void {
    metrics.opensFailedFor[reason._tag].updateUnsafe(1, this.context)
    const attempts = this.attempts.map(({ address, error }) => error ?? makeError("connect", address, reason))
    this.end(Effect.fail(makeError("open", label(this.target), reason, attempts)))
  }

  private end(outcome: Effect.Effect<StreamState, NetworkError>): void {
    if (this.isOver) return
    this.stop()
    this.resume(outcome)
  }

  /** Closes every attempt that is under way. */
  stop(): void {
    this.isOver = true
    this.disarm?.()
    this.disarmTotal()
    this.stopResolving?.()
    for (const { cancel, span } of this.attempts) {
      if (cancel === undefined) continue
      cancel()
      span?.failed(Cause.interrupt())
    }
  }
}

const problem = (target: Target, options: RaceOptions & Options): Reason | undefined => {
  const invalid = InvalidOption.find(options, checks)
  if (invalid !== undefined || NetAddress.isSocketAddress(target)) return invalid
  return portProblem(target.port, 1)
}

/** The address that needs no resolver, if the target is one. */
const literal = (target: Target): NetAddress.SocketAddress | undefined => {
  if (NetAddress.isSocketAddress(target)) return target
  const host = parseHost(target.host)
  return Result.isSuccess(host) && NetAddress.isIpAddress(host.success)
    ? NetAddress.inetAddressUnsafe(host.success, target.port)
    : undefined
}

/**
 * A stream over one connection to the target. The caller owns it, from the moment at which this effect succeeds; `restore`
 * is that of the uninterruptible region that it runs in.
 *
 * **Interruption** closes every attempt.
 */
export const connect = (
  target: Target,
  options: RaceOptions & Options,
  restore: <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.Effect<A, E, R>
): Effect.Effect<StreamState, NetworkError, Network | Resolver> =>
  Effect.contextWith((context: Context.Context<Network | Resolver>) => {
    const reason = problem(target, options)
    if (reason !== undefined) return Effect.fail(makeError("open", label(target), reason))
    let race: Race | undefined
    const won = Effect.callback<StreamState, NetworkError>((resume) => {
      const current = (race = new Race(context, target, options, resume))
      const address = literal(target)
      if (address !== undefined) current.runAt(address)
      else if (!NetAddress.isSocketAddress(target)) current.runFor(target.host, target.port, context)
      return Effect.sync(() => current.stop())
    })
    // Who is interrupted between the victory and its news has a connection that nobody will take.
    return Effect.onExit(restore(won), (exit) =>
      Effect.sync(() => {
        if (Exit.isFailure(exit)) race?.stream?.abort()
      })
    )
  })
