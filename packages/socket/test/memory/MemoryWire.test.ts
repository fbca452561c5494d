import { assert, describe, it } from "@effect/vitest"
import * as Arbitrary from "effect/Arbitrary"
import * as Schema from "effect/Schema"
import { Wire, type WireShape } from "../../src/internal/memory/Wire.ts"
import { bytes } from "../utils/memory.ts"
import { rounds } from "../../../../test/utils/rounds.ts"

const int = (minimum: number, maximum: number) => Schema.Int.check(Schema.isBetween({ minimum, maximum }))

const unlimited = (value: number): number => (value === 0 ? Infinity : value)

/** Bandwidth and chunks without a limit are one case in a few, not one in thousands. */
const shape = Arbitrary.map(
  Arbitrary.schema(
    Schema.Struct({
      latency: int(0, 50),
      jitter: int(0, 50),
      bandwidth: Schema.Union([Schema.Literal(0), int(1, 10_000)]),
      sendBuffer: int(1, 40),
      receiveBuffer: int(1, 40),
      maxChunk: Schema.Union([Schema.Literal(0), int(1, 20)])
    })
  ),
  (shape): WireShape => ({
    ...shape,
    bandwidth: unlimited(shape.bandwidth),
    maxChunk: unlimited(shape.maxChunk)
  })
)

/** What the ends do, turn by turn: write some, read some, wait some. */
const turns = Arbitrary.array(
  Arbitrary.schema(Schema.Struct({ write: int(0, 60), read: int(0, 60), wait: int(0, 40) })),
  { maxLength: 20 }
)

const seed = Arbitrary.schema(int(1, 1_000_000))

const draws = (seed: number) => {
  let state = seed
  return () => {
    state = (state * 48_271 + 11) % 2_147_483_647
    return state / 2_147_483_647
  }
}

/** Runs the turns and then lets everything drain: what was taken, what came, and when each segment came. */
const run = (
  shape: WireShape,
  seed: number,
  turns: ReadonlyArray<{ readonly write: number; readonly read: number; readonly wait: number }>
) => {
  const wire = new Wire(shape, draws(seed))
  const source = bytes(20 * 60)
  const sent: Array<number> = []
  const got: Array<number> = []
  const arrivals: Array<number> = []
  let now = 0
  const fins: Array<number> = []
  const step = (write: number, read: number, wait: number): void => {
    const taken = source.slice(sent.length, sent.length + Math.max(0, Math.min(write, wire.room)))
    if (taken.length > 0) wire.take(taken)
    sent.push(...taken)
    wire.transmit(now)
    now += wait
    for (let segment = wire.receive(now); segment !== undefined; segment = wire.receive(now)) {
      arrivals.push(segment.at)
      if (segment.kind === "FIN") fins.push(segment.at)
      else wire.arrived.push(segment.bytes)
    }
    assert.isAtMost(wire.arrived.size, shape.receiveBuffer)
    assert.isAtMost(sent.length - got.length, shape.sendBuffer + shape.receiveBuffer)
    if (wire.arrived.size > 0 && read > 0) got.push(...wire.arrived.take(Math.min(read, wire.arrived.size)))
  }
  for (const { write, read, wait } of turns) step(write, read, wait)
  wire.end()
  for (let i = 0; i < 1000 && fins.length === 0; i++) step(0, Infinity, 1000)
  step(0, Infinity, 0)
  return { sent, got, arrivals, fins }
}

describe("a wire", () => {
  it.prop(
    "delivers what the sender's kernel took, in order and unchanged, then one FIN, and its buffers keep their bounds",
    [shape, seed, turns],
    ([shape, seed, turns]) => {
      const { sent, got, arrivals, fins } = run(shape, seed, turns)
      assert.deepStrictEqual(got, sent)
      assert.deepStrictEqual(fins, arrivals.slice(-1))
      assert.deepStrictEqual(
        arrivals,
        arrivals.toSorted((a, b) => a - b)
      )
    },
    { arbitrary: { runs: rounds(400) } }
  )

  it.prop(
    "no byte is quicker than latency and bandwidth allow, none is later than the jitter explains",
    [shape, seed, Arbitrary.schema(int(1, 400))],
    ([shape, seed, size]) => {
      const wire = new Wire({ ...shape, sendBuffer: size, receiveBuffer: size }, draws(seed))
      wire.take(bytes(size))
      let sent = 0
      for (const segment of wire.transmit(0)) {
        sent += segment.bytes.length
        const least = shape.latency + (shape.bandwidth === Infinity ? 0 : (sent * 1000) / shape.bandwidth)
        assert.isAtLeast(segment.at, least - 1e-6)
        assert.isAtMost(segment.at, least + shape.jitter + 1e-6)
      }
      assert.strictEqual(sent, size)
    }
  )

  it("sends what waits in one piece without a chunk limit, and cut and joined at random with one", () => {
    const whole: WireShape = {
      latency: 0,
      jitter: 0,
      bandwidth: Infinity,
      sendBuffer: 100,
      receiveBuffer: 100,
      maxChunk: Infinity
    }
    const sizes = (maxChunk: number) => {
      const wire = new Wire({ ...whole, maxChunk }, draws(3))
      wire.take(bytes(30))
      wire.take(bytes(20))
      return wire.transmit(0).map((segment) => segment.bytes.length)
    }
    assert.deepStrictEqual(sizes(Infinity), [50])
    const cut = sizes(9)
    assert.isAbove(cut.length, 6)
    assert.isTrue(cut.every((size) => size >= 1 && size <= 9))
    assert.isTrue(new Set(cut).size > 1)
  })
})
