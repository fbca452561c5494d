/**
 * The server and the client on a faulty network, for many seeds. `SIMULATION_SEED=17` replays the one that a failure
 * names.
 */
import * as MemoryNetwork from "@effect-sockets/socket/MemoryNetwork"
import { assert, it } from "@effect/vitest"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Random from "effect/Random"
import * as Stream from "effect/Stream"
import * as DocumentRoot from "../../src/DocumentRoot.ts"
import * as Http09Client from "../../src/Http09Client.ts"
import * as Http09Server from "../../src/Http09Server.ts"
import { client, hosts, port80 } from "../utils/memoryClient.ts"
import * as Simulation from "@effect-sockets/socket/testing/Simulation"
import { seedsOf } from "../../../../test/utils/rounds.ts"

const seeds = seedsOf(100)

const bytes = (length: number) => Uint8Array.from({ length }, (_, index) => (index * 7) ^ (index >> 5))
const documents: Readonly<Record<string, Uint8Array>> = {
  "/empty": bytes(0),
  "/like": new TextEncoder().encode("HTTP/0.9 is not 401\n"),
  "/small": bytes(700),
  "/large": bytes(4000)
}
const names = [...Object.keys(documents), "/missing"]

/** A server with everything that can be asked for, on the host `server`. */
const server = Http09Server.layer({ address: port80 }).pipe(
  Layer.provide([Layer.fresh(MemoryNetwork.layerHost("server")), DocumentRoot.layerMemory(documents)])
)

const deadline = 60_000

/** One download: the document, what the server said of one that is missing, or why it did not come; nothing else. */
const download = Effect.fnUntraced(function* (name: string, dialect: "book" | "1991") {
  const start = yield* Clock.currentTimeMillis
  const chunks: Array<Uint8Array> = []
  const got = yield* Http09Client.get(`http://server${name}`, { dialect, timeout: deadline }).pipe(
    Stream.runForEach((chunk) => Effect.sync(() => chunks.push(chunk))),
    Effect.match({
      onSuccess: () => "whole",
      onFailure: (error) => (error._tag === "Http09Error" ? error.reason._tag : "NetworkError")
    })
  )
  const came = Buffer.concat(chunks)
  const document = documents[name] ?? bytes(0)
  assert.isTrue(came.equals(document.subarray(0, came.length)), "what came is the document's beginning")
  if (got === "whole") assert.strictEqual(came.length, document.length)
  assert.isTrue(name !== "/missing" || got !== "whole", "what is missing does not come")
  assert.include(["whole", "NetworkError", "TimedOut", ...(name === "/missing" ? ["StatusLine"] : [])], got)
  assert.isAtMost((yield* Clock.currentTimeMillis) - start, deadline + 1)
  return got
})

const program = Effect.gen(function* () {
  const before = yield* MemoryNetwork.descriptors
  const outcomes = yield* Effect.gen(function* () {
    yield* Http09Server.Http09Server
    const requests = Array.from({ length: 10 }, (_, index) => index)
    return yield* Effect.forEach(
      requests,
      () =>
        Effect.gen(function* () {
          const name = names[yield* Random.nextIntBetween(0, names.length)]
          return yield* download(name, (yield* Random.nextBoolean) ? "book" : "1991")
        }),
      { concurrency: 4 }
    )
  }).pipe(Effect.provide([server, client]))
  yield* Effect.sleep("5 minutes")
  assert.strictEqual(yield* MemoryNetwork.descriptors, before)
  return outcomes
})

const run = (seed: number) =>
  program.pipe(
    Effect.provide(
      MemoryNetwork.layer({
        seed,
        hosts,
        latency: "5 millis",
        jitter: "20 millis",
        maxChunk: [1, 9, 500, 50_000][seed % 4],
        sendBuffer: [7, 300, 65_536][seed % 3],
        retransmitTimeout: "20 seconds",
        faults: seed % 5 === 0 ? {} : { refuse: 0.05, reset: 0.15, vanish: 0.1, within: seed % 2 === 0 ? 40 : 1000 }
      })
    ),
    Random.withSeed(seed),
    Simulation.simulate
  )

it.live(
  "a document comes exactly as it is, or the client says that it did not, in time",
  () =>
    Effect.gen(function* () {
      const seen = new Set<string>()
      for (const seed of seeds) {
        const outcomes = yield* Effect.catchDefect(Effect.orDie(run(seed)), (defect) =>
          Effect.die(new Error(`SIMULATION_SEED=${seed}`, { cause: defect }))
        )
        for (const outcome of outcomes) seen.add(outcome)
      }
      // Of all that can happen, everything did.
      if (seeds.length >= 100)
        assert.deepStrictEqual([...seen].sort(), ["NetworkError", "StatusLine", "TimedOut", "whole"])
    }),
  120_000
)
