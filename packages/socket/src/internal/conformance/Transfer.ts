/** Bytes arrive in order, whole and once, whoever reads and writes at the same time. */
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Option from "effect/Option"
import * as SocketStream from "../../SocketStream.ts"
import { bothWays, bytes, type Checks, ensure, failsWith, pattern, same, sameBytes, start, text } from "./Kit.ts"

const megabyte = 1024 * 1024

/** Writes everything in pieces of many sizes. */
const writeAll = Effect.fnUntraced(function* (stream: SocketStream.SocketStream, data: Uint8Array) {
  for (let at = 0, size = 1; at < data.length; at += size, size = (size * 7 + 13) % 100_003) {
    yield* SocketStream.write(stream, data.subarray(at, at + size))
  }
  yield* SocketStream.endWrite(stream)
})

const echo = Effect.fnUntraced(function* (stream: SocketStream.SocketStream) {
  for (;;) {
    const chunk = yield* SocketStream.read(stream)
    if (Option.isNone(chunk)) break
    yield* SocketStream.write(stream, chunk.value)
  }
  yield* SocketStream.endWrite(stream)
})

const encode = (counter: number): Uint8Array => new Uint8Array(Float64Array.of(counter).buffer)
const decode = (bytes: Uint8Array): number => new Float64Array(Uint8Array.from(bytes).buffer)[0]

/** Records of this size say who wrote them and which one they are. */
const recordSize = 500

const record = (writer: number, index: number): Uint8Array => {
  const data = pattern(recordSize, writer * 7919 + index * 104_729)
  data[0] = writer
  data[1] = index
  return data
}

const collectRecords = Effect.fnUntraced(function* (stream: SocketStream.SocketStream) {
  const data = yield* SocketStream.readAll(stream, { maxBytes: 16 * megabyte })
  yield* same(data.length % recordSize, 0, "bytes beyond whole records")
  const records: Array<readonly [writer: number, index: number]> = []
  for (let at = 0; at < data.length; at += recordSize) {
    const found = data.subarray(at, at + recordSize)
    yield* sameBytes(found, record(found[0], found[1]), `the record at byte ${at}`)
    records.push([found[0], found[1]])
  }
  return records
})

const range = (count: number): ReadonlyArray<number> => Array.from({ length: count }, (_, i) => i)

export const checks = <R>(): Checks<R> => ({
  "BasicIO: eight megabytes go there and back unchanged": ({ pair }) =>
    Effect.gen(function* () {
      const [client, server] = yield* pair({})
      const data = pattern(8 * megabyte)
      const echoing = yield* start(echo(server))
      const writing = yield* start(writeAll(client, data))
      yield* sameBytes(yield* SocketStream.readAll(client, { maxBytes: data.length }), data, "the echo")
      yield* Fiber.join(writing)
      yield* Fiber.join(echoing)
    }),

  "copies: bytes that go there and back through two of them, interrupted again and again, come whole": ({ pair }) =>
    Effect.gen(function* () {
      const [client, middle] = yield* pair({})
      const [onward, server] = yield* pair({})
      const data = pattern(2 * megabyte)
      const passOn = (from: SocketStream.SocketStream, to: SocketStream.SocketStream) =>
        Effect.gen(function* () {
          // Interrupted wherever it is, and begun anew.
          while (Option.isNone(yield* Effect.timeoutOption(SocketStream.copy(from, to), 5))) yield* Effect.yieldNow
          yield* SocketStream.endWrite(to)
        })
      const echoing = yield* start(Effect.tap(SocketStream.copy(server, server), () => SocketStream.endWrite(server)))
      const passing = yield* Effect.forEach(
        [
          [middle, onward],
          [onward, middle]
        ] as const,
        ([from, to]) => start(passOn(from, to))
      )
      const writing = yield* start(SocketStream.write(client, data))
      const buffer = new Uint8Array(10_007)
      const got = new Uint8Array(data.length)
      for (let at = 0; at < got.length;) {
        const part = yield* SocketStream.readInto(client, buffer)
        if (Option.isNone(part)) return yield* Effect.fail(`the echo ended after ${at} bytes`)
        got.set(part.value, at)
        at += part.value.length
      }
      yield* sameBytes(got, data, "the echo")
      // Not before, since not every transport has a half-close.
      yield* SocketStream.endWrite(client)
      yield* same(yield* Fiber.join(echoing), data.length, "the count of the copy")
      yield* Effect.forEach([writing, ...passing], (fiber) => Fiber.join(fiber))
    }),

  "Ownership: arrays may be changed once flush has returned, and those that were read stay as they are": bothWays(
    {},
    (near, far) =>
      Effect.gen(function* () {
        const sizes = [1, 60, 70, 700, 5000, 60_000]
        const got: Array<Uint8Array> = []
        for (const size of sizes) {
          const data = Buffer.from(pattern(size, size))
          yield* SocketStream.write(near, data)
          yield* SocketStream.flush(near)
          data.fill(0)
          got.push(
            yield* SocketStream.readExactly(far, size - (size >> 1)),
            yield* SocketStream.readExactly(far, size >> 1)
          )
        }
        for (const [i, size] of sizes.entries()) {
          yield* sameBytes(Buffer.concat(got.slice(2 * i, 2 * i + 2)), pattern(size, size), `${size} bytes`)
        }
      })
  ),

  "PingPong: a counter goes back and forth": ({ pair }) =>
    Effect.gen(function* () {
      const [client, server] = yield* pair({})
      const rounds = 200
      const answer = Effect.flatMap(SocketStream.readExactly(server, 8), (request) =>
        SocketStream.write(server, encode(decode(request) + 1))
      )
      const answering = yield* start(Effect.repeat(answer, { times: rounds - 1 }))
      let counter = 0
      for (let i = 0; i < rounds; i++) {
        yield* SocketStream.write(client, encode(counter))
        counter = decode(yield* SocketStream.readExactly(client, 8))
        yield* same(counter, i + 1, "the counter")
      }
      yield* Fiber.join(answering)
    }),

  "RacyRead: ten readers that give up again and again get every record once": bothWays({}, (near, far) =>
    Effect.gen(function* () {
      const count = 250
      const got: Array<number> = []
      const reader = Effect.gen(function* () {
        while (got.length < count) {
          const data = yield* Effect.timeoutOption(SocketStream.readExactly(far, recordSize), 1)
          if (Option.isNone(data)) continue
          yield* sameBytes(data.value, record(0, data.value[1]), "a record")
          got.push(data.value[1])
        }
      })
      const writing = yield* start(
        Effect.forEach(range(count), (index) =>
          Effect.andThen(SocketStream.write(near, record(0, index)), index % 25 === 0 ? Effect.sleep(2) : Effect.void)
        )
      )
      yield* Effect.forEach(range(10), () => reader, { concurrency: "unbounded" })
      yield* Fiber.join(writing)
      yield* same(
        got.sort((a, b) => a - b),
        range(count),
        "the records read"
      )
    })
  ),

  "RacyWrite: of ten writers that give up again and again, each write leaves whole and once, or not at all": bothWays(
    { highWaterMark: 4096 },
    (near, far) =>
      Effect.gen(function* () {
        const reading = yield* start(collectRecords(far))
        const kept: Array<string> = []
        yield* Effect.forEach(
          range(10),
          (writer) =>
            Effect.forEach(range(50), (index) =>
              Effect.map(
                Effect.timeoutOption(SocketStream.write(near, record(writer, index)), 1),
                (done) => Option.isSome(done) && kept.push(`${writer}:${index}`)
              )
            ),
          { concurrency: "unbounded" }
        )
        yield* SocketStream.endWrite(near)
        const records = yield* Fiber.join(reading)
        const arrived = new Set(records.map(([writer, index]) => `${writer}:${index}`))
        yield* same(arrived.size, records.length, "records that arrived once")
        yield* same(
          kept.filter((name) => !arrived.has(name)),
          [],
          "writes that returned and did not arrive"
        )
        for (const writer of range(10)) {
          const own = records.filter(([by]) => by === writer).map(([, index]) => index)
          yield* same(
            own,
            [...own].sort((a, b) => a - b),
            `the order of writer ${writer}`
          )
        }
      })
  ),

  "ConcurrentMethods: everything at once, on one stream, comes to an end": ({ pair }) =>
    Effect.gen(function* () {
      const [client, server] = yield* pair({})
      const echoing = yield* start(Effect.exit(echo(server)))
      const calls: ReadonlyArray<Effect.Effect<unknown, unknown>> = [
        SocketStream.read(client),
        SocketStream.readLine(client),
        SocketStream.readExactly(client, 3),
        SocketStream.readUntil(client, bytes("x")),
        SocketStream.write(client, "x\n"),
        SocketStream.writeLine(client, "xx"),
        SocketStream.flush(client),
        Effect.sync(() => [client.localAddress, client.remoteAddress, SocketStream.hostPort(client), String(client)])
      ]
      yield* Effect.all(
        range(20).flatMap(() => calls.map((call) => Effect.exit(Effect.timeoutOption(call, 20)))),
        { concurrency: "unbounded" }
      )
      yield* SocketStream.reset(client)
      yield* Fiber.join(echoing)
    }),

  "lines, counts, delimiters and chunks mix on one input": bothWays({}, (near, far) =>
    Effect.gen(function* () {
      yield* SocketStream.write(near, "first line\r\n")
      yield* SocketStream.write(near, Uint8Array.of(0, 1, 2, 255))
      yield* SocketStream.write(near, "until--zweite Zeile €\nrest")
      yield* SocketStream.endWrite(near)
      yield* same(yield* SocketStream.readLine(far), Option.some("first line"), "the first line")
      yield* same([...(yield* SocketStream.readExactly(far, 4))], [0, 1, 2, 255], "four bytes")
      const piece = yield* SocketStream.readUntil(far, bytes("--"))
      yield* same(Option.map(piece, text), Option.some("until"), "the piece before a delimiter")
      yield* same(yield* SocketStream.readLine(far), Option.some("zweite Zeile €"), "the second line")
      yield* same(yield* SocketStream.readLine(far), Option.some("rest"), "the last line, without an end")
      yield* same(yield* SocketStream.readLine(far), Option.none(), "after the last line")
    })
  ),

  "a line that is too long fails and stays readable, and input that is too short says how much came": bothWays(
    {},
    (near, far) =>
      Effect.gen(function* () {
        yield* SocketStream.write(near, "0123456789\nabc")
        yield* SocketStream.endWrite(near)
        yield* failsWith(SocketStream.readLine(far, { maxBytes: 9 }), ["LineTooLong"], "a line above its limit")
        yield* same(yield* SocketStream.readLine(far, { maxBytes: 10 }), Option.some("0123456789"), "the same line")
        yield* failsWith(SocketStream.readExactly(far, 4), ["UnexpectedEof"], "a count beyond the end")
        yield* same(text(yield* SocketStream.readAll(far)), "abc", "the rest")
      })
  ),

  "many writes of one run arrive as they were written": bothWays({}, (near, far) =>
    Effect.gen(function* () {
      const words = range(1000).map((i) => `word ${i}`)
      for (const word of words) yield* SocketStream.writeLine(near, word)
      yield* SocketStream.flush(near)
      for (const word of words) yield* same(yield* SocketStream.readLine(far), Option.some(word), "a line")
    })
  ),

  "one write larger than every buffer arrives whole": bothWays({ highWaterMark: 1000 }, (near, far) =>
    Effect.gen(function* () {
      const data = pattern(5 * megabyte)
      const reading = yield* start(SocketStream.readExactly(far, data.length))
      yield* SocketStream.write(near, data)
      yield* sameBytes(yield* Fiber.join(reading), data, "the write")
    })
  ),

  "the two ends agree on their addresses": ({ pair }) =>
    Effect.gen(function* () {
      const [client, server] = yield* pair({})
      const [localHost, localPort, remoteHost, remotePort] = SocketStream.hostPort(client)
      yield* same(
        SocketStream.hostPort(server).map(String),
        [remoteHost, remotePort, localHost, localPort].map(String),
        "the server's addresses"
      )
      yield* ensure(String(client).includes(" to "), "a stream does not print its addresses")
    })
})
