import { assert, describe, it } from "@effect/vitest"
import type { ListeningPort } from "../../src/internal/server/ListeningPort.ts"
import { bounds } from "../../src/internal/server/ServerOptions.ts"

/** The port of a network with so many descriptors, and with the queue that was asked for, if one was. */
const port = (descriptors: number, queue?: number) =>
  ({
    parts: { capacity: descriptors / 2, isQueueGiven: queue !== undefined },
    queue: { capacity: queue ?? 0 }
  }) as ListeningPort

describe("the default bounds of a server", () => {
  it.each([2, 100, 992, 4000, 19_968])(
    "fit below %i descriptors: connections, a file for each, and the queue",
    (most) => {
      const { maxConnections, queue } = bounds(undefined, port(most))
      assert.isAtMost(2 * maxConnections + queue, Math.max(3, most))
      assert.isAtLeast(2 * maxConnections + queue, most - 2)
    }
  )

  it.each([21_024, 1_048_544, Infinity])("with %d descriptors are 10,000 connections and a queue of 1024", (most) => {
    assert.deepStrictEqual(bounds(undefined, port(most)), { maxConnections: 10_000, queue: 1024 })
  })

  it("leave to one what the other does not take", () => {
    assert.deepStrictEqual(bounds(100, port(992)), { maxConnections: 100, queue: 792 })
    assert.deepStrictEqual(bounds(undefined, port(992, 10)), { maxConnections: 491, queue: 10 })
  })

  it("are no bounds on what is asked for", () => {
    assert.deepStrictEqual(bounds(5000, port(992, 5000)), { maxConnections: 5000, queue: 5000 })
  })
})
