/** A network whose only port is opened in the test's hand: connections come when the test says so. */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as NetAddress from "effect/net/NetAddress"
import { type ListenerEvents, make, Network } from "../../src/Network.ts"
import { FakeConnection, FakeTimers } from "./fakeConnection.ts"

export class FakeListener {
  events: ListenerEvents | undefined
  readonly connections: Array<FakeConnection> = []
  /** Of all connections. */
  readonly timers = new FakeTimers()

  /** A connection, from a port of its own unless it says from where. */
  connect(
    remote: NetAddress.SocketAddress = NetAddress.inetAddressUnsafe(
      NetAddress.ipv4Loopback,
      1000 + this.connections.length
    )
  ): FakeConnection {
    if (this.events === undefined) throw new Error("the port is closed")
    const connection = new FakeConnection(remote, this.timers)
    this.connections.push(connection)
    this.events.connection(connection)
    return connection
  }

  readonly layer = Layer.succeed(
    Network,
    make({
      dial: () => {
        throw new Error("this network connects nobody")
      },
      timers: this.timers,
      listen: (address, events) => {
        const close = Effect.sync(() => void (this.events = undefined))
        return Effect.acquireRelease(
          Effect.sync(() => {
            this.events = events
            return { address, close }
          }),
          () => close
        )
      },
      capacity: 100_000
    })
  )
}
