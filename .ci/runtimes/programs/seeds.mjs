/** The traces of a few seeds of a bad network, as JSON: the same on every runtime, byte for byte. */
import * as Resolver from "@effect-sockets/resolver/Resolver"
import * as MemoryNetwork from "@effect-sockets/socket/MemoryNetwork"
import * as Server from "@effect-sockets/socket/Server"
import * as ServerSocket from "@effect-sockets/socket/ServerSocket"
import * as SocketStream from "@effect-sockets/socket/SocketStream"
import * as Simulation from "@effect-sockets/socket/testing/Simulation"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as NetAddress from "effect/net/NetAddress"

const seeds = [1, 2, 3, 4, 5]
const hosts = { phone: ["10.0.0.1", "2001:db8::1"], server: ["10.0.0.2", "2001:db8::2"] }
const address = NetAddress.inetAddressFromStringUnsafe("10.0.0.2:80")

const shout = (stream) =>
  SocketStream.forEachLine(stream, (line) =>
    Effect.andThen(Effect.sleep(line.length), SocketStream.writeLine(stream, line.toUpperCase()))
  )

const ask = (question) =>
  Effect.gen(function* () {
    const stream = yield* SocketStream.open(address, { connectTimeout: "5 seconds", readTimeout: "5 seconds" })
    for (let i = 0; i < 5; i++) {
      yield* SocketStream.writeLine(stream, `${question} ${"again ".repeat(i)}`)
      yield* SocketStream.readLine(stream)
    }
  }).pipe(Effect.scoped, Effect.timeout("10 seconds"), Effect.result)

const program = Effect.gen(function* () {
  yield* ServerSocket.listen(address).pipe(
    Effect.flatMap(Server.start(shout, { maxConnections: 5 })),
    MemoryNetwork.runOn("server")
  )
  const questions = Array.from({ length: 20 }, (_, i) => `question ${i}`)
  const answers = yield* MemoryNetwork.runOn(Effect.forEach(questions, ask, { concurrency: 8 }), "phone")
  yield* MemoryNetwork.partition("phone", "server")
  yield* Effect.forkChild(Effect.delay(MemoryNetwork.heal(), "2 seconds"))
  yield* MemoryNetwork.runOn(ask("after the partition"), "phone")
  const ends = answers.map(({ _tag, failure }) => `${_tag} ${failure?.message ?? ""}`)
  return [...ends, MemoryNetwork.format(yield* MemoryNetwork.trace)].join("\n")
}).pipe(Effect.scoped)

const network = (seed) =>
  Layer.merge(
    MemoryNetwork.layer({
      seed,
      hosts,
      latency: 10,
      jitter: 25,
      maxChunk: 7,
      faults: { reset: 0.2, refuse: 0.1, vanish: 0.1, within: 60 }
    }),
    Layer.orDie(Resolver.layerStatic({ hosts }))
  )

const traces = []
for (const seed of seeds) {
  traces.push(await Effect.runPromise(Simulation.simulate(Effect.provide(program, network(seed)))))
}
console.log(JSON.stringify(traces))
