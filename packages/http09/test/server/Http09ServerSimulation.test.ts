/**
 * The server on a faulty network and a faulty disk, under clients of every kind, for many seeds.
 * `SIMULATION_SEED=17` replays the one that a failure names.
 */
import * as Resolver from "@effect-sockets/resolver/Resolver"
import * as MemoryNetwork from "@effect-sockets/socket/MemoryNetwork"
import * as SocketStream from "@effect-sockets/socket/SocketStream"
import { assert, it } from "@effect/vitest"
import * as Cause from "effect/Cause"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import * as NetAddress from "effect/net/NetAddress"
import * as Option from "effect/Option"
import * as Result from "effect/Result"
import * as AccessLog from "../../src/AccessLog.ts"
import { errorTexts } from "../../src/ErrorText.ts"
import type * as Http09Handler from "../../src/Http09Handler.ts"
import * as Http09Server from "../../src/Http09Server.ts"
import * as RequestLine from "../../src/RequestLine.ts"
import { bytes, Dice, documents, FlakyRoot } from "../utils/flakyRoot.ts"
import { hosts, port80 } from "../utils/memoryClient.ts"
import { hostile, utf8 } from "../utils/requestLines.ts"
import * as Simulation from "@effect-sockets/socket/testing/Simulation"
import { seedsOf } from "../../../../test/utils/rounds.ts"

const seeds = seedsOf(300)

const requests = ["GET /", "GET /small", "GET /large", "GET /large HTTP/0.9", "GET /missing"].map(utf8)
const nonsense = hostile.map(([, line]) => line).filter((line) => line.length < 10_000)

/** The only answer that a whole line may get. */
const answerTo = (line: Uint8Array): Uint8Array => {
  const texts = errorTexts.book
  return Result.match(RequestLine.decode(line), {
    onFailure: () => texts.invalidRequest,
    onSuccess: ({ path }) => documents[path === "/" ? "/index.html" : path] ?? texts.notFound
  })
}

/** What one client saw. */
interface Seen {
  readonly address: string
  readonly line: Uint8Array
  readonly received: Uint8Array
  readonly ending: "fin" | "broken" | "left"
}

/** Sends its line in pieces or not to its end, more than was asked for or nothing; reads at once, slowly or not to its end. */
const client = (dice: Dice) =>
  Effect.gen(function* () {
    const line = dice.pick(dice.chance(0.7) ? requests : nonsense)
    const stream = yield* SocketStream.open(port80, {
      connectTimeout: "10 seconds",
      readTimeout: "30 seconds",
      highWaterMark: dice.pick([1, 100, 65_536])
    })
    const received: Array<Uint8Array> = []
    const sent = dice.chance(0.1) ? line.subarray(0, dice.int(0, line.length)) : undefined
    const toSend = Buffer.concat([
      sent ?? line,
      sent === undefined ? utf8(dice.pick(["\n", "\r\n\r\n"])) : new Uint8Array(0)
    ])
    const send = Effect.gen(function* () {
      for (let at = 0; at < toSend.length;) {
        const length = dice.int(1, dice.pick([5, toSend.length]))
        yield* SocketStream.write(stream, toSend.subarray(at, at + length))
        at += length
        if (dice.chance(0.3)) yield* Effect.sleep(dice.int(0, 300))
      }
      // What follows a line is nobody's business; one that is not ended stays so, or ends with the input.
      if (sent === undefined && dice.chance(0.2)) yield* SocketStream.write(stream, bytes(dice.int(1, 20_000)))
      if (dice.chance(0.4)) yield* SocketStream.endWrite(stream)
    })
    const receive = Effect.gen(function* () {
      for (;;) {
        if (dice.chance(0.2)) yield* Effect.sleep(dice.pick([1, 500, 20_000]))
        const chunk = yield* SocketStream.read(stream)
        if (Option.isNone(chunk)) return
        received.push(chunk.value)
      }
    })
    const patience = dice.chance(0.2) ? dice.int(0, 3000) : "10 minutes"
    const end = yield* Effect.all([Effect.ignore(send), receive], { concurrency: 2, discard: true }).pipe(
      Effect.timeoutOption(patience),
      Effect.result
    )
    return {
      address: NetAddress.formatSocketAddress(stream.localAddress),
      line: sent ?? line,
      received: Buffer.concat(received),
      ending: Result.isFailure(end) ? "broken" : Option.isNone(end.success) ? "left" : "fin"
    } satisfies Seen
  }).pipe(Effect.scoped, Effect.option)

const limits = {
  readTimeout: "5 seconds",
  writeTimeout: "10 seconds",
  maxAge: "2 minutes",
  drainTimeout: "3 seconds"
} as const

/** The server with a log that tells all, and what it is stopped with after a while. */
const serve = (dice: Dice, root: FlakyRoot, events: Array<Http09Handler.Event>) =>
  Http09Server.layer({
    ...limits,
    address: port80,
    maxConnections: dice.pick([2, 100]),
    highWaterMark: dice.pick([1, 1000, 65_536]),
    onError: () => Effect.void,
    observe: (event) => Effect.sync(() => events.push(event))
  }).pipe(Layer.provide([Layer.fresh(MemoryNetwork.layerHost("server")), root.layer]))

const stopAfter = Effect.fnUntraced(function* (server: Http09Server.Http09Server["Service"], millis: number) {
  yield* Effect.sleep(millis)
  const start = yield* Clock.currentTimeMillis
  const open = yield* server.connections
  const { aborted, drained } = yield* server.stop
  assert.strictEqual(aborted + drained, open, "the report adds up")
  assert.isAtMost((yield* Clock.currentTimeMillis) - start, 4001, "the stop kept its time")
})

const program = Effect.fnUntraced(function* (seed: number) {
  const dice = (name: string) => new Dice(`${seed}/${name}`)
  const root = new FlakyRoot(dice("disk"))
  const events: Array<Http09Handler.Event> = []
  const stops = dice("stop")
  const seen = yield* Effect.gen(function* () {
    const server = yield* Http09Server.Http09Server
    const clients = Effect.forEach(
      Array.from({ length: 8 }, (_, index) => dice(`client ${index}`)),
      (dice) => Effect.andThen(Effect.sleep(dice.int(0, 2000)), MemoryNetwork.runOn(client(dice), "client")),
      { concurrency: "unbounded" }
    )
    const [seen] = yield* Effect.all(
      [clients, stops.chance(0.5) ? stopAfter(server, stops.int(0, 3000)) : Effect.void],
      { concurrency: 2 }
    )
    yield* Effect.sleep("5 minutes")
    assert.strictEqual(yield* server.connections, 0, "connections that are left")
    return seen.flatMap(Option.toArray)
  }).pipe(Effect.provide(serve(dice("server"), root, events)))
  yield* Effect.sleep("1 minute")
  assert.strictEqual(yield* MemoryNetwork.descriptors, 0, "descriptors that are left")
  assert.strictEqual(root.open, 0, "documents that are left open")
  return { seen, events }
})

/** What the log says of a connection is what its client saw. */
const check = ({
  events,
  seen
}: {
  readonly seen: ReadonlyArray<Seen>
  readonly events: ReadonlyArray<Http09Handler.Event>
}) => {
  const ended = new Map<string, Http09Handler.Ended>()
  for (const event of events) {
    if (event._tag !== "Ended") continue
    const address = NetAddress.formatSocketAddress(event.stream.remoteAddress)
    assert.isFalse(ended.has(address), "told twice")
    ended.set(address, event)
    const { answer, bytes, exit, line, size } = event
    if (Exit.isSuccess(exit)) assert.deepStrictEqual([bytes, answer === undefined], [size, false])
    if (line.length > 0 && size !== undefined) assert.strictEqual(size, answerTo(line).length)
    assert.isAtMost(bytes, size ?? 0)
    assert.match(
      AccessLog.format(event, "common") ?? "",
      /^10\.0\.0\.1 - - \[[^\]]+\] "(?:[ !#-[\]-~]|\\x..)+" \d{3} (\d+|-)$/
    )
  }
  for (const { address, ending, line, received } of seen) {
    const answer = answerTo(line)
    const event = ended.get(address)
    // A server that stops ends those that did not ask yet in order; nobody else gets FIN without an answer.
    const isUnasked = event === undefined && received.length === 0
    if (!isUnasked) {
      assert.isDefined(event, "an answer that the log does not know")
      assert.deepStrictEqual(Buffer.from(received), Buffer.from(answer.subarray(0, received.length)))
      if (ending === "fin") assert.strictEqual(received.length, answer.length, "FIN before the end")
      if (ending === "fin") assert.isTrue(Exit.isSuccess(event?.exit ?? Exit.die("unknown")))
    }
  }
}

const run = (seed: number) => {
  const dice = new Dice(`${seed}/network`)
  return program(seed).pipe(
    Effect.tap((outcome) => Effect.sync(() => check(outcome))),
    Effect.provide([
      Layer.orDie(Resolver.layerStatic({ hosts })),
      MemoryNetwork.layer({
        seed,
        hosts,
        latency: dice.int(1, 40),
        jitter: dice.pick([0, 20]),
        maxChunk: dice.pick([undefined, 3, 700]),
        sendBuffer: dice.pick([17, 300, 65_536]),
        receiveBuffer: dice.pick([64, 4096, 65_536]),
        retransmitTimeout: "20 seconds",
        faults: dice.chance(0.3) ? {} : { refuse: 0.05, reset: 0.2, vanish: 0.1, within: dice.pick([50, 10_000]) }
      })
    ]),
    Simulation.simulate,
    Effect.catchCause((cause) => Effect.die(new Error(`replay with SIMULATION_SEED=${seed}: ${Cause.pretty(cause)}`)))
  )
}

it.live(
  "what the log says is what the client saw, FIN is a whole answer, and nothing is left, whatever fails",
  () =>
    Effect.gen(function* () {
      const outcomes = new Map<string, number>()
      const count = (key: string) => outcomes.set(key, (outcomes.get(key) ?? 0) + 1)
      for (const seed of seeds) {
        const { events, seen } = yield* run(seed)
        for (const { ending } of seen) count(ending)
        for (const event of events) if (event._tag === "Ended") count(String(AccessLog.status(event)))
      }
      // Of all that can happen, everything did, and not by chance.
      if (seeds.length < 300) return
      for (const key of ["fin", "broken", "left", "200", "400", "404", "499", "500"]) {
        assert.isAbove(outcomes.get(key) ?? 0, 20, key)
      }
    }),
  120_000
)
