import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as NetAddress from "effect/net/NetAddress"
import type { Connection, ConnectionEvents } from "../../src/Connection.ts"
import { type ListenerEvents, make, Network } from "../../src/Network.ts"
import * as Server from "../../src/Server.ts"
import * as ServerSocket from "../../src/ServerSocket.ts"
import * as SocketStream from "../../src/SocketStream.ts"
import { oldOfEach } from "../utils/heap.ts"

const address = NetAddress.inetAddressUnsafe(NetAddress.ipv4Loopback, 80)

/** Timers that never fire, and keep nothing. */
const timers = { now: () => 0, set: () => () => {} }

/** The lightest transport: whoever holds on to one of these holds on to what the server made for it. */
class Passing implements Connection {
  readonly localAddress = address
  readonly remoteAddress = address
  readonly timers = timers
  events: ConnectionEvents | undefined
  attach(events: ConnectionEvents): void {
    this.events = events
  }
  pause(): void {}
  resume(): void {}
  write(): boolean {
    return true
  }
  end(): boolean {
    return true
  }
  destroy(): void {}
  reset(): void {}
  /** The peer ends it, and so does the server. */
  leave(): void {
    this.events?.end()
    this.events?.closed(undefined)
  }
}

/** A network with one port, and its connections in the test's hand. */
const passage = () => {
  let port: ListenerEvents | undefined
  const network = make({
    timers,
    capacity: 100_000,
    dial: () => () => {},
    listen: (address, events) =>
      Effect.sync(() => {
        port = events
        return { address, close: Effect.void }
      })
  })
  const enter = (): Passing => {
    const connection = new Passing()
    port?.connection(connection)
    return connection
  }
  return { network, enter }
}

const passingThrough = Effect.fnUntraced(function* (options: Server.Options, isWaiting: boolean) {
  const { enter, network } = passage()
  const socket = yield* Effect.provideService(ServerSocket.listen(address), Network, network)
  const handler: Server.Handler = (stream) => SocketStream.forEachChunk(stream, () => Effect.void)
  yield* Server.start(socket, handler, options)
  // With the only permit.
  const first = isWaiting ? enter() : undefined
  yield* Effect.yieldNow
  const kept = oldOfEach(enter, (connection) => connection.leave())
  first?.leave()
  assert.strictEqual(socket.refused, 0)
  return kept
}, Effect.scoped)

describe("connections that pass through a server", () => {
  it.live("are collected with the young, with all that was made for them", () =>
    Effect.gen(function* () {
      const kept = yield* passingThrough({}, false)
      assert.isBelow(kept, 300)
    })
  )

  it.live("and so are those that leave while they wait for a permit", () =>
    Effect.gen(function* () {
      const kept = yield* passingThrough({ maxConnections: 1 }, true)
      assert.isBelow(kept, 300)
    })
  )

  it.live("and so are those of a bound for each peer", () =>
    Effect.gen(function* () {
      const kept = yield* passingThrough({ maxPerPeer: 1000 }, false)
      assert.isBelow(kept, 300)
    })
  )
})
