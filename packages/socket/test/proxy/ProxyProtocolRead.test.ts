import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import { pipe } from "effect/Function"
import * as NetAddress from "effect/net/NetAddress"
import * as Option from "effect/Option"
import * as ProxyProtocol from "../../src/ProxyProtocol.ts"
import * as SocketStream from "../../src/SocketStream.ts"
import { FakeConnection } from "../utils/fakeConnection.ts"
import { bytes, live, pair, text } from "../utils/live.ts"
import * as Headers from "../utils/proxyHeaders.ts"
import { sizes, split } from "../utils/readModel.ts"
import { rounds } from "../../../../test/utils/rounds.ts"

const line = "PROXY TCP4 192.168.0.1 192.168.0.11 56324 443\r\n"
const header: ProxyProtocol.Header = {
  ...ProxyProtocol.proxied(
    NetAddress.inetAddressFromStringUnsafe("192.168.0.1:56324"),
    NetAddress.inetAddressFromStringUnsafe("192.168.0.11:443")
  ),
  version: 1
}

const stream = Effect.fnUntraced(function* (options?: SocketStream.Options) {
  const connection = new FakeConnection()
  return [yield* SocketStream.make(connection, options), connection] as const
})

const start = <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.forkChild(effect, { startImmediately: true })

describe("a header at the start of a stream", () => {
  it.effect.prop(
    "is taken exactly, however the input is cut: what follows it is read as if it had come first",
    [Headers.header, Headers.bytes(), sizes],
    Effect.fnUntraced(function* ([header, behind, sizes]) {
      const [self, { events }] = yield* stream()
      const reading = yield* start(ProxyProtocol.read(self, { maxBytes: 65_551 }))
      const input = Buffer.concat([ProxyProtocol.encodeUnsafe(header), behind])
      for (const part of split(new Uint8Array(input), sizes)) events.data(part)
      events.end()
      assert.deepStrictEqual(yield* Fiber.join(reading), header)
      assert.deepStrictEqual([...(yield* SocketStream.readAll(self))], [...behind])
    }, Effect.scoped),
    { arbitrary: { runs: rounds(300), size: 30 } }
  )

  it.effect.prop(
    "loses no byte to an interruption",
    [Headers.header, sizes],
    Effect.fnUntraced(function* ([header, sizes]) {
      const [self, { events }] = yield* stream()
      const taken: Array<ProxyProtocol.Header> = []
      const input = ProxyProtocol.encodeUnsafe(header)
      for (const part of split(input, sizes)) {
        const reading = yield* start(ProxyProtocol.read(self, { maxBytes: 65_551 }))
        events.data(part)
        yield* Fiber.interrupt(reading)
        const exit = yield* Fiber.await(reading)
        if (Exit.isSuccess(exit)) taken.push(exit.value)
      }
      assert.deepStrictEqual(taken, [header])
      events.end()
      assert.deepStrictEqual(yield* SocketStream.read(self), Option.none())
    }, Effect.scoped),
    { arbitrary: { runs: rounds(300), size: 30 } }
  )

  it.effect("is read before the line behind it by whoever asked first", () =>
    Effect.gen(function* () {
      const [self, { events }] = yield* stream()
      const reading = yield* start(ProxyProtocol.read(self))
      const next = yield* start(SocketStream.readLine(self))
      events.data(bytes(`${line}GET /\r\n`))
      assert.deepStrictEqual(yield* Fiber.join(reading), header)
      assert.deepStrictEqual(yield* Fiber.join(next), Option.some("GET /"))
    }).pipe(Effect.scoped)
  )

  it.effect("something else fails at its first byte, with the peer's address, and stays readable", () =>
    Effect.gen(function* () {
      const [self, { events }] = yield* stream()
      const reading = yield* start(ProxyProtocol.read(self))
      events.data(bytes("G"))
      const error = yield* Effect.flip(Fiber.join(reading))
      assert.isTrue(ProxyProtocol.isProxyProtocolError(error))
      assert.strictEqual(error.message, "no PROXY header from 127.0.0.1:2")
      assert.deepStrictEqual(yield* SocketStream.read(self), Option.some(bytes("G")))
    }).pipe(Effect.scoped)
  )

  it.effect("a wrong header fails as soon as it is wrong, and says where", () =>
    Effect.gen(function* () {
      const [self, { events }] = yield* stream()
      const reading = yield* start(ProxyProtocol.read(self))
      events.data(bytes("PROXY TCP5"))
      const error = yield* Effect.flip(Fiber.join(reading))
      assert.strictEqual(error.message, "PROXY header from 127.0.0.1:2: it is TCP4, TCP6 or UNKNOWN, at byte 6")
    }).pipe(Effect.scoped)
  )

  it.effect("a header that the input ends in fails with UnexpectedEof and stays readable", () =>
    Effect.gen(function* () {
      const [self, { events }] = yield* stream()
      events.data(bytes("PROXY UNKNOWN"))
      events.end()
      const error = yield* Effect.flip(ProxyProtocol.read(self))
      assert.deepInclude(error.reason, { _tag: "UnexpectedEof", expected: 15, received: 13 })
      assert.strictEqual(text(yield* SocketStream.readAll(self)), "PROXY UNKNOWN")
    }).pipe(Effect.scoped)
  )

  it.effect("a connection that breaks in it, or is closed, says so", () =>
    Effect.gen(function* () {
      const [self, connection] = yield* stream()
      const reading = yield* start(ProxyProtocol.read(self))
      connection.breaks({ _tag: "ConnectionReset" })
      assert.strictEqual((yield* Effect.flip(Fiber.join(reading))).reason._tag, "ConnectionReset")
      const [other] = yield* stream({ lingerTimeout: 0 })
      yield* SocketStream.reset(other)
      assert.strictEqual((yield* Effect.flip(ProxyProtocol.read(other))).reason._tag, "Closed")
    }).pipe(Effect.scoped)
  )

  it.effect("a drip of single bytes does not extend the read timeout", () =>
    Effect.gen(function* () {
      const [self, { events, timers }] = yield* stream({ readTimeout: 3000 })
      const reading = yield* start(ProxyProtocol.read(self))
      for (const byte of bytes(line).subarray(0, 29)) {
        events.data(Uint8Array.of(byte))
        timers.advance(100)
      }
      assert.isUndefined(reading.pollUnsafe())
      timers.advance(100)
      assert.strictEqual((yield* Effect.flip(Fiber.join(reading))).reason._tag, "TimedOut")
      events.data(bytes(line).subarray(29))
      assert.deepStrictEqual(yield* ProxyProtocol.read(self), header)
    }).pipe(Effect.scoped)
  )

  it.effect("a line has up to 107 bytes, whatever the limit is", () =>
    Effect.gen(function* () {
      const [self, { events }] = yield* stream()
      events.data(bytes(`PROXY UNKNOWN ${"x".repeat(91)}\r\nrest`))
      assert.strictEqual((yield* ProxyProtocol.read(self, { maxBytes: 16 }))._tag, "Unknown")
      assert.deepStrictEqual(yield* SocketStream.read(self), Option.some(bytes("rest")))
    }).pipe(Effect.scoped)
  )

  it.effect("a limit that cannot be meant is InvalidOption, and takes nothing", () =>
    Effect.gen(function* () {
      const [self, { events }] = yield* stream()
      events.data(ProxyProtocol.encodeUnsafe(header))
      for (const maxBytes of [NaN, 0, 1.5, Infinity]) {
        assert.strictEqual((yield* Effect.flip(ProxyProtocol.read(self, { maxBytes }))).reason._tag, "InvalidOption")
      }
      assert.deepStrictEqual(yield* ProxyProtocol.read(self), header)
    }).pipe(Effect.scoped)
  )

  it.effect("the limit is the caller's, and megabytes behind the header change nothing", () =>
    Effect.gen(function* () {
      const [self, { events }] = yield* stream()
      const long = ProxyProtocol.encodeUnsafe({ ...header, version: 2, tlvs: [{ _tag: "Noop", length: 4100 }] })
      events.data(long)
      events.data(new Uint8Array(4_000_000))
      assert.strictEqual((yield* Effect.flip(ProxyProtocol.read(self))).reason._tag, "Invalid")
      const read = yield* pipe(self, ProxyProtocol.read({ maxBytes: 5000 }))
      assert.strictEqual(read.tlvs.length, 1)
    }).pipe(Effect.scoped)
  )
})

live(
  "a client announces the address it speaks for, over TCP",
  Effect.gen(function* () {
    const [client, server] = yield* pair()
    const sent: ProxyProtocol.Header = { ...header, version: 2, tlvs: [{ _tag: "Crc32c" }] }
    yield* SocketStream.write(client, ProxyProtocol.encodeUnsafe(sent))
    yield* SocketStream.write(client, "hello")
    yield* SocketStream.endWrite(client)
    assert.deepStrictEqual(yield* ProxyProtocol.read(server), sent)
    assert.strictEqual(text(yield* SocketStream.readAll(server)), "hello")
  })
)
