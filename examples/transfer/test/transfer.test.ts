/**
 * The transfer on networks that lose, double and overtake: for every seed the whole arrives, once and in order.
 * `SIMULATION_SEEDS=500` runs more of them, `SIMULATION_SEED=17` replays one.
 */
import * as Datagram from "@effect-sockets/socket/Datagram"
import * as MemoryNetwork from "@effect-sockets/socket/MemoryNetwork"
import * as NodeDatagram from "@effect-sockets/socket/NodeDatagram"
import * as Simulation from "@effect-sockets/socket/testing/Simulation"
import { assert, describe, it } from "@effect/vitest"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as NetAddress from "effect/net/NetAddress"
import * as Random from "effect/Random"
import { spawn } from "node:child_process"
import * as fs from "node:fs"
import { tmpdir } from "node:os"
import * as path from "node:path"
import * as readline from "node:readline"
import { ReceiveWindow } from "../ReceiveWindow.ts"
import { RetransmitTimer } from "../RetransmitTimer.ts"
import { decode, encode, headerSize, type Segment, segmentSize, windowSize } from "../Segment.ts"
import { SendWindow } from "../SendWindow.ts"
import * as Transfer from "../Transfer.ts"

const pattern = (count: number): Uint8Array =>
  Uint8Array.from({ length: count }, (_, i) => (i * 31 + (i >> 8) * 7) & 255)

const seeds =
  process.env.SIMULATION_SEED === undefined
    ? Array.from({ length: Number(process.env.SIMULATION_SEEDS ?? 20) }, (_, i) => i + 1)
    : [Number(process.env.SIMULATION_SEED)]

const hosts = { sender: ["10.0.0.1"], receiver: ["10.0.0.2"] }
const port = NetAddress.inetAddressFromStringUnsafe("10.0.0.2:4242")

/** Sends over a memory network: what came, and how long it took. */
const overMemory = (
  data: Uint8Array,
  options: MemoryNetwork.Options,
  meanwhile: Effect.Effect<void, never, MemoryNetwork.MemoryNetwork> = Effect.void
) =>
  Effect.gen(function* () {
    const receiving = yield* Effect.forkChild(
      Effect.gen(function* () {
        const { answered, data } = yield* Transfer.receive(yield* Datagram.bind(port))
        yield* answered
        return data
      }).pipe(Effect.scoped, MemoryNetwork.runOn("receiver"))
    )
    yield* Effect.sleep(1)
    yield* Effect.forkChild(meanwhile)
    const [took] = yield* Effect.timed(
      Effect.flatMap(Datagram.connect(port), (socket) => Transfer.send(socket, data)).pipe(
        Effect.scoped,
        MemoryNetwork.runOn("sender")
      )
    )
    const received = yield* Fiber.join(receiving)
    assert.strictEqual(yield* MemoryNetwork.descriptors, 0)
    return { received, took: Duration.toMillis(took), trace: MemoryNetwork.format(yield* MemoryNetwork.trace) }
  }).pipe(
    Effect.provide(
      MemoryNetwork.layer({ hosts, latency: 20, mtu: headerSize + segmentSize, traceLimit: 100_000, ...options })
    ),
    Simulation.simulate,
    Random.withSeed("transfer")
  )

/** Everything that goes wrong, by the seed. */
const underTrouble = (seed: number) => {
  const cut = Effect.gen(function* () {
    for (let i = 0; i < seed % 4; i++) {
      yield* Effect.sleep((seed * 613) % 4000)
      yield* MemoryNetwork.partition("sender", "receiver")
      yield* Effect.sleep((seed * 1009) % 15_000)
      yield* MemoryNetwork.heal("sender", "receiver")
    }
  })
  const data = pattern((seed * 7919) % 60_000)
  const options = {
    seed,
    jitter: (seed * 7) % 400,
    loss: (seed % 5) / 10,
    duplication: (seed % 4) / 10
  }
  return Effect.map(overMemory(data, options, cut), ({ received, trace }) => {
    assert.deepStrictEqual(Buffer.from(received), Buffer.from(data))
    return trace
  })
}

describe(`over a bad network, for ${seeds.length} seeds`, () => {
  it.live(
    "the whole arrives, once and in order",
    () =>
      Effect.forEach(
        seeds,
        (seed) => Effect.mapError(underTrouble(seed), (error) => `seed ${seed}: ${String(error)}`),
        {
          discard: true
        }
      ),
    20_000 + seeds.length * 1000
  )

  it.live("a seed replays: the same trace each time, with datagrams lost, doubled and overtaken", () =>
    Effect.gen(function* () {
      const trace = yield* underTrouble(19)
      assert.strictEqual(yield* underTrouble(19), trace)
      const count = (kind: string) => trace.split(kind).length - 1
      assert.isAbove(count("lost datagram"), 0)
      assert.isAbove(count("got datagram") + count("lost datagram"), count("sent datagram"))
    })
  )
})

describe("a transfer", () => {
  it.live("has a window of segments under way: each round trip carries as many", () =>
    Effect.gen(function* () {
      const segments = 10 * windowSize
      const { received, took, trace } = yield* overMemory(pattern(segments * segmentSize - 1), {})
      assert.strictEqual(received.length, segments * segmentSize - 1)
      assert.strictEqual(trace.split(`sent datagram`).length - 1, 2 * segments + 1)
      assert.isAtMost(took, 10 * 40 + 5)
    })
  )

  it.live("repairs single losses without a wait for its timer", () =>
    Effect.gen(function* () {
      let sent = 0
      const link = (from: NetAddress.SocketAddress) => ({
        // The tenth and the fiftieth.
        loss:
          from._tag !== "UnixPathAddress" &&
          NetAddress.formatIp(from.address) === "10.0.0.1" &&
          [10, 50].includes(++sent)
            ? 1
            : 0
      })
      const { took, trace } = yield* overMemory(pattern(100 * segmentSize), { link })
      assert.strictEqual(trace.split("lost datagram").length - 1, 2)
      assert.isBelow(took, 1000)
    })
  )

  it.live("of nothing is one empty segment, and one of whole segments ends with an empty one", () =>
    Effect.gen(function* () {
      for (const size of [0, 1, segmentSize - 1, segmentSize, 2 * segmentSize]) {
        const { received } = yield* overMemory(pattern(size), {})
        assert.deepStrictEqual(Buffer.from(received), Buffer.from(pattern(size)))
      }
    })
  )

  it.live("is given up when nothing was acknowledged for a quarter of an hour", () =>
    Effect.gen(function* () {
      const cut = Effect.delay(MemoryNetwork.partition("sender", "receiver"), 100)
      const error = yield* Effect.flip(overMemory(pattern(1_000_000), {}, cut))
      assert.strictEqual(error.message, "no acknowledgement for 900000 ms")
    })
  )

  it.live("is not taken from two senders, and nonsense is passed over", () =>
    Effect.gen(function* () {
      const socket = yield* Datagram.bind(NetAddress.inetAddressFromStringUnsafe("127.0.0.1:4242"))
      const receiving = yield* Effect.forkChild(Transfer.receive(socket))
      const clients = yield* Effect.forEach([1, 2], () => Datagram.connect(socket.localAddress))
      const data = (transfer: number, number: number, bytes: Uint8Array) =>
        encode({ type: "data", transfer, number, again: 0, bytes })
      yield* Datagram.send(clients[0], "nonsense")
      yield* Datagram.send(clients[0], "")
      // It looks like data, but no transfer begins so.
      yield* Datagram.send(clients[1], data(1, windowSize, pattern(3)))
      yield* Datagram.send(clients[0], data(1, 0, pattern(segmentSize)))
      yield* Datagram.send(clients[1], data(1, 1, pattern(3)))
      yield* Datagram.send(clients[0], data(2, 1, pattern(4)))
      yield* Datagram.send(clients[0], data(1, 1, pattern(5)))
      const { data: received } = yield* Fiber.join(receiving)
      assert.strictEqual(received.length, segmentSize + 5)
    }).pipe(Effect.scoped, Effect.provide(MemoryNetwork.layer()))
  )

  it.live("beyond its bound fails", () =>
    Effect.gen(function* () {
      const socket = yield* Datagram.bind(NetAddress.inetAddressFromStringUnsafe("127.0.0.1:4242"))
      const receiving = yield* Effect.forkChild(Effect.flip(Transfer.receive(socket, 1000)))
      const client = yield* Datagram.connect(socket.localAddress)
      yield* Effect.forkChild(Transfer.send(client, pattern(10_000)))
      assert.strictEqual((yield* Fiber.join(receiving)).message, "more than 1000 bytes")
    }).pipe(Effect.scoped, Effect.provide(MemoryNetwork.layer()))
  )
})

describe("the parts", () => {
  it("the timer follows RFC 6298", () => {
    const timer = new RetransmitTimer()
    assert.strictEqual(timer.timeout, 1000)
    timer.measured(500)
    assert.strictEqual(timer.timeout, 500 + 4 * 250)
    timer.measured(900)
    // RTTVAR = 3/4 * 250 + 1/4 * 400, SRTT = 7/8 * 500 + 1/8 * 900
    assert.strictEqual(timer.timeout, 550 + 4 * 287.5)
    const before = timer.timeout
    timer.expired()
    assert.strictEqual(timer.timeout, 2 * before)
    for (let i = 0; i < 10; i++) timer.expired()
    assert.strictEqual(timer.timeout, 60_000)
    for (let i = 0; i < 100; i++) timer.measured(3)
    assert.strictEqual(timer.timeout, 1000)
  })

  /** What a receiver says of one sending. */
  const answer = (next: number, behind: number, number: number, again = 0) => ({
    next,
    behind,
    answers: { number, again }
  })
  const numbers = (window: SendWindow, now: number) => window.due(now).map(({ number }) => number)

  it("a round trip is measured of the sending that is answered, though it is not the first", () => {
    const window = new SendWindow(pattern(40 * segmentSize))
    window.due(0)
    window.due(1000)
    // An answer to the first one, which comes late: it says nothing of the second, and the wait stays doubled.
    window.acknowledged(answer(1, 0, 0), 1001)
    assert.strictEqual(window.deadline, 1001 + 2000)
    window.acknowledged(answer(2, 0, 1, 1), 1030)
    assert.strictEqual(window.deadline, 1030 + 1000)
  })

  it("what three later ones have overtaken is sent again, once, and nothing else", () => {
    const window = new SendWindow(pattern(20 * segmentSize))
    assert.strictEqual(window.due(0).length, 21)
    window.acknowledged(answer(2, 0b011, 4), 10)
    assert.deepStrictEqual(numbers(window, 10), [])
    window.acknowledged(answer(2, 0b111, 5), 11)
    assert.deepStrictEqual(numbers(window, 11), [2])
    window.acknowledged(answer(2, 0b1111, 6), 12)
    assert.deepStrictEqual(numbers(window, 12), [])
    window.acknowledged(answer(7, 0b1, 2, 1), 13)
    assert.deepStrictEqual(numbers(window, 13), [])
    assert.deepStrictEqual(
      numbers(window, 2000),
      Array.from({ length: 14 }, (_, i) => 7 + i).filter((number) => number !== 8)
    )
  })

  it("what was never sent cannot be acknowledged", () => {
    const window = new SendWindow(pattern(100 * segmentSize))
    window.due(0)
    window.acknowledged(answer(101, 0, 100), 1)
    assert.isFalse(window.isDone)
    assert.deepStrictEqual(numbers(window, 1), [])
  })

  it("a receiver keeps no more than a window of what came early", () => {
    const window = new ReceiveWindow()
    for (let number = 1; number < 1000; number++) window.received(number, pattern(segmentSize))
    assert.deepStrictEqual(window.arrived, { next: 0, behind: 0xffff_ffff })
    window.received(0, pattern(segmentSize))
    assert.deepStrictEqual(window.arrived, { next: windowSize, behind: 0 })
  })

  it("segments are what they were, and nothing else is one", () => {
    const segments: ReadonlyArray<Segment> = [
      { type: "data", transfer: 4_000_000_000, number: 7, again: 255, bytes: pattern(5) },
      { type: "data", transfer: 0, number: 0, again: 0, bytes: pattern(0) },
      { type: "acknowledgement", transfer: 1, next: 9, behind: 0xffff_ffff, answers: { number: 8, again: 3 } },
      { type: "bye", transfer: 1 }
    ]
    for (const segment of segments) assert.deepStrictEqual(decode(encode(segment)), segment)
    for (const nonsense of [
      [],
      [0, 0, 0, 0],
      [0, 0, 0, 0, 0],
      [1, 0, 0, 0, 0, 0],
      [9, 0, 0, 0, 0],
      [255, 1, 2, 3, 4, 5]
    ]) {
      assert.isUndefined(decode(Uint8Array.from(nonsense)))
    }
    assert.isUndefined(decode(new Uint8Array(headerSize + segmentSize + 1)))
  })
})

describe("over UDP", () => {
  it.live("two megabytes arrive", () =>
    Effect.gen(function* () {
      const data = pattern(2_000_000)
      const socket = yield* Datagram.bind(NetAddress.inetAddressFromStringUnsafe("127.0.0.1:0"))
      const receiving = yield* Effect.forkChild(Transfer.receive(socket))
      const client = yield* Datagram.connect(socket.localAddress)
      yield* Transfer.send(client, data)
      const { answered, data: received } = yield* Fiber.join(receiving)
      assert.deepStrictEqual(Buffer.from(received), Buffer.from(data))
      yield* Effect.timeout(answered, 5000)
    }).pipe(Effect.scoped, Effect.provide(NodeDatagram.layer))
  )

  it.live("a file goes from one process to another", () =>
    Effect.promise(async () => {
      const folder = fs.mkdtempSync(path.join(tmpdir(), "effect-sockets-transfer-"))
      const [file, copy] = ["file", "copy"].map((name) => path.join(folder, name))
      fs.writeFileSync(file, pattern(100_000))
      const main = path.join(import.meta.dirname, "../main.ts")
      const run = (...args: ReadonlyArray<string>) => {
        const child = spawn(process.execPath, [main, ...args], { stdio: ["ignore", "pipe", "inherit"] })
        const ended = new Promise<number | null>((resolve) => child.on("exit", resolve))
        return { ended, lines: readline.createInterface(child.stdout)[Symbol.asyncIterator]() }
      }
      const receiver = run("receive", "0", copy)
      const port = /port (\d+)/.exec((await receiver.lines.next()).value ?? "")?.[1]
      const sender = run("send", "127.0.0.1", port!, file)
      assert.deepStrictEqual([await sender.ended, await receiver.ended], [0, 0])
      assert.strictEqual((await sender.lines.next()).value, "sent 100000 bytes")
      assert.deepStrictEqual(fs.readFileSync(copy), Buffer.from(pattern(100_000)))
      fs.rmSync(folder, { recursive: true })
    })
  )
})
