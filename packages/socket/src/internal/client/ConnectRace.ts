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
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import * as InvalidOption from "@effect-sockets/resolver/InvalidOption"
import { type HostInput, parseHost, Resolver } from "@effect-sockets/resolver/Resolver"
import type { ResolverError } from "@effect-sockets/resolver/ResolverError"
import type { Connection } from "../../Connection.ts"
import { type ConnectOptions, type DialEvents, Network } from "../../Network.ts"
import { make as makeError, type NetworkError, type Reason } from "../../NetworkError.ts"
import * as Access from "../Access.ts"
import { portProblem } from "../port.ts"
import { client as metrics } from "../../SocketMetrics.ts"
import { AttemptSpan, isTraced } from "../spans.ts"
import { none } from "../stream/lists.ts"
import { scoped } from "../stream/scoped.ts"
import { checks as streamChecks, limitsFrom, type Options } from "../stream/StreamOptions.ts"
import { StreamState } from "../stream/StreamState.ts"
import { withoutYield } from "../withoutYield.ts"
import { label, type Target } from "./Target.ts"

/** How the connection to a host is made. */
export interface RaceOptions extends ConnectOptions {
  /** How long everything may take, resolution and all attempts together. Default 30 seconds. */
  readonly connectTimeout?: Duration.Input | undefined
  /** How long an attempt has the field to itself. Default 250 ms, as RFC 8305, section 5, recommends. */
  readonly attemptDelay?: Duration.Input | undefined
  /**
   * How long the connection may last, counted from when it is made. Then it is reset, and what waits fails with
   * `TimedOut`. Default: for ever. For a server it is `maxAge`.
   */
  readonly maxAge?: Duration.Input | undefined
  /**
   * The IP addresses that may be connected to. A name is resolved first, and each of its addresses is checked: whoever
   * chooses the name cannot choose one that is denied. 0.0.0.0 and :: are this machine, and must be allowed as its loopback
   * is. `deny` wins over `allow`. Default: all.
   */
  readonly access?: Access.Access | undefined
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

/** One attempt to connect, as the race keeps it. */
class Attempt implements DialEvents {
  private readonly race: Race
  readonly address: NetAddress.SocketAddress
  private readonly span: AttemptSpan | undefined
  private isSettled = false
  /** Why it failed, or what holds it up. */
  error: NetworkError | undefined
  private dialed: (() => void) | undefined

  constructor(race: Race, address: NetAddress.SocketAddress, span: AttemptSpan | undefined) {
    this.race = race
    this.address = address
    this.span = span
  }

  /** Whether it is under way. */
  start(network: Network["Service"], options: ConnectOptions): boolean {
    const cancel = network.dial(this.address, options, this)
    if (!this.isSettled) this.dialed = cancel
    return !this.isSettled
  }

  private settle(): void {
    if (this.isSettled) return
    this.isSettled = true
    this.dialed = undefined
    this.race.settled()
  }

  connected(connection: Connection): void {
    this.settle()
    this.span?.connected(connection)
    this.race.win(connection)
  }

  failed(error: NetworkError): void {
    this.settle()
    this.span?.failed(Cause.fail(error))
    this.error = error
    this.race.lost(this, error)
  }

  delayed(error: NetworkError): void {
    this.error = error
  }

  defect(cause: unknown): void {
    this.settle()
    this.span?.failed(Cause.die(cause))
    this.race.end(Effect.die(cause))
  }

  /** Gives it up, if it is under way. */
  cancel(): void {
    if (this.dialed === undefined) return
    this.dialed()
    this.dialed = undefined
    this.span?.failed(Cause.interrupt())
  }
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

/** What a race ends with: an effect for the fiber that waits. */
type Outcome = Effect.Effect<StreamState, NetworkError>

class Race {
  private readonly network: Network["Service"]
  private readonly target: Target
  private readonly context: Context.Context<Network | Scope.Scope>
  private readonly isTraced: boolean
  private readonly options: RaceOptions & Options
  private readonly resume: (outcome: Outcome) => void
  private readonly attempts: Array<Attempt> = []
  private untried: Array<NetAddress.SocketAddress> = none
  private underWay = 0
  /** Whether more addresses may come. */
  private isResolving = true
  /** Whether the first attempt still waits for the other family. */
  private isHeldBack = false
  /** The latest attempt has failed or had its time, and no address was left: the next that comes is tried at once. */
  private isDue = false
  private isOver = false
  /** The winner, once there is one. */
  private stream: StreamState | undefined
  private disarm: (() => void) | undefined
  private readonly disarmTotal: () => void
  /** When it began, on the network's timers. */
  private readonly since: number
  /** Gives up the resolution, while it is under way. */
  private stopResolving: (() => void) | undefined

  constructor(
    context: Context.Context<Network | Scope.Scope>,
    target: Target,
    options: RaceOptions & Options,
    resume: (outcome: Outcome) => void
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
    if (this.admits(address)) this.tryAt(address)
    else this.goOn()
  }

  /** Whether an address may be tried. One that may not counts as an attempt that failed before any that is made. */
  private admits(address: NetAddress.SocketAddress): boolean {
    const { access } = this.options
    if (access === undefined || !NetAddress.isInetAddress(address)) return true
    if (Access.isAllowedTarget(access, address.address)) return true
    const attempt = new Attempt(this, address, undefined)
    attempt.error = makeError("connect", address, { _tag: "PermissionDenied" })
    this.attempts.unshift(attempt)
    return false
  }

  /** The addresses come from the resolver, family by family. */
  runFor(host: HostInput, port: number, context: Context.Context<Resolver>): void {
    const answers = Stream.unwrap(Resolver.useSync((resolver) => resolver.answers(host))).pipe(
      Stream.runForEach((addresses) =>
        Effect.sync(() => this.add(addresses.map((address) => NetAddress.inetAddressUnsafe(address, port))))
      )
    )
    const fiber = Effect.runForkWith(context)(answers)
    const stopResolving = (): void => fiber.interruptUnsafe()
    this.stopResolving = stopResolving
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
    const admitted = addresses.filter((address) => this.admits(address))
    // The families take turns: after an address of one comes one of the other.
    this.untried = interleave(admitted, this.untried)
    if (!isFirst) {
      this.isHeldBack = false
    } else if (admitted.length > 0 && NetAddress.isInetAddressV4(admitted[0])) {
      this.isHeldBack = true
      this.arm(resolutionDelay)
    }
    this.goOn()
  }

  /** Starts the next attempt, unless one under way has the field to itself, or ends. */
  private goOn(): void {
    if (this.isOver || this.isHeldBack || (this.underWay > 0 && !this.isDue)) return
    if (this.untried.length > 0) return this.startNext()
    if (this.isResolving || this.underWay > 0) return
    const last = this.attempts.at(-1)?.error
    this.fail(last?.reason ?? { _tag: "AddressNotAvailable" })
  }

  private startNext(): void {
    this.disarm?.()
    this.disarm = undefined
    const address = this.untried.shift()
    this.isDue = address === undefined
    if (address !== undefined) this.tryAt(address)
  }

  private tryAt(address: NetAddress.SocketAddress): void {
    const span = this.isTraced ? new AttemptSpan(this.context, this.target, address) : undefined
    const attempt = new Attempt(this, address, span)
    this.attempts.push(attempt)
    this.underWay++
    metrics.attempts.updateUnsafe(1, this.context)
    if (attempt.start(this.network, this.options) && (this.untried.length > 0 || this.isResolving))
      this.arm(InvalidOption.toMillis(this.options.attemptDelay, defaultDelay))
  }

  /** An attempt has come to its end. */
  settled(): void {
    this.underWay--
  }

  /** An attempt failed. An earlier one leaves the field to those that came after it. */
  lost(attempt: Attempt, error: NetworkError): void {
    metrics.attemptsFailedFor[error.reason._tag].updateUnsafe(1, this.context)
    if (this.attempts.at(-1) === attempt) this.isDue = true
    this.goOn()
  }

  private arm(millis: number): void {
    this.disarm?.()
    this.disarm = this.network.timers.set(millis, () => {
      this.disarm = undefined
      this.isHeldBack = false
      this.startNext()
    })
  }

  /** The first connection is the race's, and from here on the scope's. */
  win(connection: Connection): void {
    if (this.isOver) return connection.destroy()
    const stream = (this.stream = new StreamState(connection, limitsFrom(this.options)))
    if (this.options.maxAge !== undefined) stream.expireAfter(InvalidOption.toMillis(this.options.maxAge))
    metrics.openTime.updateUnsafe((this.network.timers.now() - this.since) / 1000, this.context)
    this.end(scoped(stream, Context.get(this.context, Scope.Scope)))
  }

  private fail(reason: Reason): void {
    metrics.opensFailedFor[reason._tag].updateUnsafe(1, this.context)
    const attempts = this.attempts.map(({ address, error }) => error ?? makeError("connect", address, reason))
    this.end(Effect.fail(makeError("open", label(this.target), reason, attempts)))
  }

  end(outcome: Outcome): void {
    if (this.isOver) return
    this.stop()
    this.resume(outcome)
  }

  /** The fiber that waits was interrupted. A connection may have come since, of which it does not hear any more. */
  abandon(): void {
    this.stop()
    this.stream?.abort()
  }

  /** Closes every attempt that is under way. */
  private stop(): void {
    this.isOver = true
    this.disarm?.()
    this.disarmTotal()
    this.stopResolving?.()
    for (const attempt of this.attempts) attempt.cancel()
  }
}

const problem = (target: Target, options: RaceOptions & Options): Reason | undefined => {
  const invalid = InvalidOption.find(options, checks) ?? Access.problem(options.access)
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
 * A stream over one connection to the target, which the scope owns. For a host, and nothing else, the context must have a
 * `Resolver`: who calls this says so in types.
 *
 * **Interruption** closes every attempt. The fiber's turn lasts from the victory to its news, so that nobody can be
 * interrupted with a connection that nobody takes.
 */
export const connect = (
  target: Target,
  options: RaceOptions & Options
): Effect.Effect<StreamState, NetworkError, Network | Scope.Scope> =>
  Effect.contextWith((context: Context.Context<Network | Scope.Scope>) => {
    const reason = problem(target, options)
    if (reason !== undefined) return Effect.fail(makeError("open", label(target), reason))
    return withoutYield((late) =>
      Effect.callback<StreamState, NetworkError>((resume) => {
        const race = new Race(context, target, options, (outcome) => resume(late(outcome)))
        const address = literal(target)
        if (address !== undefined) race.runAt(address)
        else if (!NetAddress.isSocketAddress(target))
          race.runFor(target.host, target.port, context as Context.Context<Network | Resolver | Scope.Scope>)
        return Effect.sync(() => race.abandon())
      })
    )
  })
