import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Metric from "effect/Metric"
import * as NetAddress from "effect/net/NetAddress"
import * as MemoryNetwork from "../../src/MemoryNetwork.ts"
import { AcceptRateRule, PeerRates } from "../../src/internal/server/AcceptRate.ts"
import { AdmissionRules, type Rules } from "../../src/internal/server/AdmissionRules.ts"
import { limitsFrom } from "../../src/internal/stream/StreamOptions.ts"
import { StreamState } from "../../src/internal/stream/StreamState.ts"
import * as IpSet from "@effect-sockets/ipaddr/IpSet"
import * as Server from "../../src/Server.ts"
import * as ServerSocket from "../../src/ServerSocket.ts"
import * as SocketMetrics from "../../src/SocketMetrics.ts"
import * as SocketStream from "../../src/SocketStream.ts"
import { simulate } from "../../src/testing/Simulation.ts"
import { FakeConnection, FakeTimers } from "../utils/fakeConnection.ts"
import { live } from "../utils/live.ts"
import { layer as memory, port80 } from "../utils/memory.ts"
import { echo, endOf, serving } from "../utils/serving.ts"

/** Numbers that are the same each time. */
const dice = (seed: number) => () => (seed = (seed * 1_103_515_245 + 12_345) % 2 ** 31) / 2 ** 31

/** A bucket with tokens in it, in whole numbers: `limit` of them make one, and each millisecond brings `limit / per`. */
class Bucket {
  private tokens: number
  private at = 0
  private readonly limit: number
  private readonly per: number
  private readonly most: number

  constructor(limit: number, per: number, burst: number) {
    this.limit = limit
    this.per = per
    this.most = burst * per
    this.tokens = this.most
  }

  take(now: number): boolean {
    this.tokens = Math.min(this.most, this.tokens + (now - this.at) * this.limit)
    this.at = now
    if (this.tokens < this.per) return false
    this.tokens -= this.per
    return true
  }
}

describe("a rate", () => {
  it("lets in what a bucket of tokens does, for any limit, time and burst", () => {
    for (let seed = 1; seed <= 200; seed++) {
      const next = dice(seed)
      const limit = 1 + Math.floor(next() * 20)
      const per = 1 + Math.floor(next() * 5000)
      const burst = 1 + Math.floor(next() * 10)
      const rule = new AcceptRateRule({ limit, per, burst })
      const bucket = new Bucket(limit, per, burst)
      let now = 0
      let fullAt = -Infinity
      for (let i = 0; i < 200; i++) {
        if (next() < 0.5) now += Math.floor((next() * 2 * per) / limit)
        const after = rule.next(fullAt, now)
        fullAt = after ?? fullAt
        assert.strictEqual(after !== undefined, bucket.take(now), `seed ${seed}, connection ${i}`)
      }
    }
  })

  it("of less than one in the time lets one in, and the next after its time", () => {
    const rule = new AcceptRateRule({ limit: 0.5, per: "1 second" })
    const first = rule.next(-Infinity, 0) ?? NaN
    assert.strictEqual(first, 2000)
    assert.isUndefined(rule.next(first, 1999))
    assert.strictEqual(rule.next(first, 2000), 4000)
  })

  it("of Infinity lets everybody in", () => {
    const rule = new AcceptRateRule({ limit: Infinity })
    let fullAt = -Infinity
    for (let i = 0; i < 1000; i++) fullAt = rule.next(fullAt, 5) ?? NaN
    assert.strictEqual(fullAt, 5)
  })
})

describe("the rates of peers", () => {
  it("remember 10,000 of them at most, and those that were seen last", () => {
    const rates = new PeerRates({ limit: 1, per: "1 hour" })
    for (let i = 0; i < 10_000; i++) assert.isTrue(rates.take(`peer ${i}`, 0))
    // Refused, and seen all the same.
    assert.isFalse(rates.take("peer 0", 1))
    for (let i = 10_000; i < 12_000; i++) assert.isTrue(rates.take(`peer ${i}`, 1))
    assert.strictEqual(rates.size, 10_000)
    assert.isFalse(rates.take("peer 0", 2))
    assert.isTrue(rates.take("peer 1", 2))
  })

  it("forget those whose bucket is full again", () => {
    const rates = new PeerRates({ limit: 10 })
    for (let i = 0; i < 1000; i++) rates.take(`peer ${i}`, i)
    assert.isAtMost(rates.size, 101)
  })
})

const entering = (rules: Rules, at: number, ...peers: ReadonlyArray<string>) => {
  const admission = new AdmissionRules(rules)
  const timers = new FakeTimers()
  timers.time = at
  return peers.map((peer) => {
    const address = NetAddress.inetAddressUnsafe(NetAddress.ipFromStringUnsafe(peer), 4711)
    const stream = new StreamState(new FakeConnection(address, timers), limitsFrom({}))
    const refusal = admission.enter(stream)
    if (refusal !== undefined) stream.abort()
    return refusal
  })
}

describe("the rules", () => {
  it("count a peer by its prefix, and who is refused by another rule not at all", () => {
    const deny = IpSet.fromCidrsUnsafe(["192.0.2.9/32"])
    assert.deepStrictEqual(
      entering(
        { acceptRate: { limit: 3 }, acceptRatePerPeer: { limit: 1 }, access: { deny } },
        0,
        "192.0.2.9",
        "192.0.2.9",
        "2001:db8::1",
        "2001:db8::2",
        "192.0.2.1",
        "::ffff:192.0.2.1",
        "192.0.2.2",
        "192.0.2.3"
      ),
      ["Access", "Access", undefined, "AcceptRatePerPeer", undefined, "AcceptRatePerPeer", undefined, "AcceptRate"]
    )
  })

  it("do not count for a peer what the rate of all refuses", () => {
    const rates: Rules = { acceptRate: { limit: 1, burst: 1 }, acceptRatePerPeer: { limit: 1, per: "1 hour" } }
    const admission = new AdmissionRules(rates)
    const timers = new FakeTimers()
    const come = (peer: string, at: number) => {
      timers.time = at
      const address = NetAddress.inetAddressFromStringUnsafe(peer)
      return admission.enter(new StreamState(new FakeConnection(address, timers), limitsFrom({})))
    }
    assert.deepStrictEqual(
      [come("192.0.2.1:1", 0), come("192.0.2.2:1", 0), come("192.0.2.2:2", 1000), come("192.0.2.2:3", 2000)],
      [undefined, "AcceptRate", undefined, "AcceptRatePerPeer"]
    )
  })

  it("keep no place for whom the rate refuses", () => {
    assert.deepStrictEqual(
      entering({ acceptRate: { limit: 1 }, maxPerPeer: 2 }, 0, "192.0.2.1", "192.0.2.1", "192.0.2.1", "192.0.2.1"),
      [undefined, "AcceptRate", "AcceptRate", "AcceptRate"]
    )
  })

  it("take proxies by the rate of all, and clients behind them by their own", () => {
    const proxyProtocol = { trust: IpSet.fromCidrsUnsafe(["10.0.0.1/32"]) }
    const admission = new AdmissionRules({ acceptRate: { limit: 3 }, acceptRatePerPeer: { limit: 1 }, proxyProtocol })
    const proxy = NetAddress.inetAddressFromStringUnsafe("10.0.0.1:4711")
    const timers = new FakeTimers()
    const come = (client: string) => {
      const stream = new StreamState(new FakeConnection(proxy, timers), limitsFrom({}))
      return admission.enter(stream) ?? admission.enterAs(stream, NetAddress.inetAddressFromStringUnsafe(client))
    }
    assert.deepStrictEqual(
      [come("192.0.2.1:1"), come("192.0.2.1:2"), come("192.0.2.2:1"), come("192.0.2.3:1")],
      [undefined, "AcceptRatePerPeer", undefined, "AcceptRate"]
    )
  })
})

it.live("in simulated time a server lets in as many as its rate says, and refuses the rest", () =>
  Effect.gen(function* () {
    const socket = yield* ServerSocket.listen(port80)
    const heard: Array<string> = []
    yield* Server.start(socket, echo, {
      acceptRate: { limit: 2, per: "10 seconds", burst: 3 },
      onRefused: (_, refusal) => Effect.sync(() => void heard.push(refusal))
    }).pipe(MemoryNetwork.runOn("server"))
    const attempt = Effect.gen(function* () {
      const stream = yield* SocketStream.open(port80, { lingerTimeout: 0 })
      yield* SocketStream.writeLine(stream, "hello")
      yield* SocketStream.readLine(stream)
    }).pipe(
      Effect.scoped,
      Effect.match({ onFailure: () => false, onSuccess: () => true }),
      MemoryNetwork.runOn("client")
    )
    const many = (count: number) =>
      Effect.map(Effect.all(Array.from({ length: count }, () => attempt)), (all) => all.filter(Boolean).length)
    assert.strictEqual(yield* many(5), 3)
    yield* Effect.sleep("4 seconds")
    assert.strictEqual(yield* many(2), 0)
    yield* Effect.sleep("1 second")
    assert.strictEqual(yield* many(2), 1)
    yield* Effect.sleep("10 minutes")
    assert.strictEqual(yield* many(5), 3)
    assert.deepStrictEqual(new Set(heard), new Set(["AcceptRate"]))
    assert.strictEqual(heard.length, 7)
  }).pipe(MemoryNetwork.runOn("server"), Effect.scoped, Effect.provide(memory()), simulate)
)

live(
  "on the loopback those beyond the rate are reset, told and counted by reason",
  Effect.gen(function* () {
    for (const [option, refusal] of [
      ["acceptRate", "AcceptRate"],
      ["acceptRatePerPeer", "AcceptRatePerPeer"]
    ] as const) {
      const heard: Array<string> = []
      const { connect, listener } = yield* serving(echo, {
        [option]: { limit: 2, per: "1 hour" },
        onRefused: (_, refusal) => Effect.sync(() => void heard.push(refusal))
      })
      yield* connect()
      yield* connect()
      const third = Effect.orElseSucceed(Effect.flatMap(connect(), endOf), () => "RST")
      assert.strictEqual(yield* third, "RST")
      assert.deepStrictEqual(heard, [refusal])
      const { count } = yield* Metric.value(SocketMetrics.at(listener.address).refusedFor[refusal])
      assert.strictEqual(count, 1)
    }
  })
)
