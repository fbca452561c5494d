/** A network that follows a script and writes down what happened when, on Effect's clock. */
import * as Clock from "effect/Clock"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as NetAddress from "effect/net/NetAddress"
import { dialBy, make, Network } from "../../src/Network.ts"
import { ClockTimers } from "../../src/internal/ClockTimers.ts"
import type { Connection } from "../../src/Connection.ts"
import { type Reason, NetworkError } from "../../src/NetworkError.ts"
import { FakeConnection } from "./fakeConnection.ts"

/** What an address does: after a time it connects (`true`) or fails; without a time, it does neither. */
export interface Script {
  readonly [host: string]: readonly [after: Duration.Input, outcome: true | Reason["_tag"]] | "silent"
}

class TracedConnection extends FakeConnection {
  private readonly trace: (event: string) => void

  constructor(address: NetAddress.SocketAddress, trace: (event: string) => void) {
    super(address)
    this.trace = trace
  }

  override destroy(): void {
    this.trace("closed")
    super.destroy()
  }

  override reset(): void {
    this.trace("reset")
    super.reset()
  }
}

export class FakeNetwork {
  /** `milliseconds event host`, in order. */
  readonly trace: Array<string> = []
  readonly connections: Array<FakeConnection> = []
  private readonly script: Script

  constructor(script: Script) {
    this.script = script
  }

  /** Attempts that are under way. */
  attempts = 0

  /** Connections that nobody closed. */
  get open(): number {
    return this.connections.filter((connection) => connection.isOpen).length
  }

  private connect(address: NetAddress.SocketAddress): Effect.Effect<Connection, NetworkError> {
    return Clock.clockWith((clock) => {
      const host = NetAddress.isInetAddress(address) ? NetAddress.formatIp(address.address) : address.path
      const trace = (event: string): void => {
        this.trace.push(`${clock.currentTimeMillisUnsafe()} ${event} ${host}`)
      }
      const plan = this.script[host]
      const outcome =
        plan === "silent"
          ? Effect.never
          : Effect.andThen(
              Effect.sleep(plan[0]),
              Effect.suspend(() => {
                if (plan[1] === true) {
                  trace("connected")
                  const connection = new TracedConnection(address, trace)
                  this.connections.push(connection)
                  return Effect.succeed(connection)
                }
                trace("failed")
                const reason = { _tag: plan[1] } as Reason
                return Effect.fail(
                  NetworkError.make({
                    operation: "connect",
                    address: NetAddress.formatSocketAddress(address),
                    reason
                  })
                )
              })
            )
      return Effect.suspend(() => {
        trace("connect")
        this.attempts++
        return outcome
      }).pipe(
        Effect.onInterrupt(() => Effect.sync(() => trace("given up"))),
        Effect.ensuring(Effect.sync(() => this.attempts--))
      )
    })
  }

  readonly layer = Layer.effect(
    Network,
    Effect.gen({ self: this }, function* () {
      const context = yield* Effect.context()
      return make({
        dial: dialBy((address) => this.connect(address), context),
        listen: () => Effect.die("this network opens no ports"),
        timers: new ClockTimers(context, yield* Clock.Clock),
        capacity: 10
      })
    })
  )
}
