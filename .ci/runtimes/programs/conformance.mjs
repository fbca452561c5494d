/** The conformance suites against installed packages: a line of JSON for each case. */
import * as Resolver from "@effect-sockets/resolver/Resolver"
import * as MemoryNetwork from "@effect-sockets/socket/MemoryNetwork"
import * as NodeDatagram from "@effect-sockets/socket/NodeDatagram"
import * as NodeNetwork from "@effect-sockets/socket/NodeNetwork"
import * as Conformance from "@effect-sockets/socket/testing/Conformance"
import * as DatagramConformance from "@effect-sockets/socket/testing/DatagramConformance"
import * as Simulation from "@effect-sockets/socket/testing/Simulation"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as NetAddress from "effect/net/NetAddress"
import * as os from "node:os"
import * as path from "node:path"
import * as certificates from "./certificates.ts"
import { print } from "./print.mjs"

const anyPort = NetAddress.inetAddressFromStringUnsafe("127.0.0.1:0")
const names = Layer.orDie(Resolver.layerStatic({}))
const onNode = Effect.provide(Layer.merge(NodeNetwork.layer, names))
const bad = Layer.merge(MemoryNetwork.layer({ latency: 3, jitter: 4, maxChunk: 5000, seed: 1 }), names)
let paths = 0

/** The cases of each, and how they are run. */
const suites = {
  memory: [
    Conformance.cases(Conformance.overNetwork({ address: anyPort, openHandles: MemoryNetwork.descriptors })),
    (run) => Simulation.simulate(Effect.provide(run, bad))
  ],
  UDP: [DatagramConformance.cases(anyPort), Effect.provide(NodeDatagram.layer)],
  TCP: [Conformance.cases(Conformance.overNetwork({ address: anyPort })), onNode],
  Unix: [
    Conformance.cases(
      Conformance.overNetwork({
        address: Effect.sync(() =>
          NetAddress.unixPathAddress(path.join(os.tmpdir(), `${process.pid}-${paths++}.sock`))
        ),
        signalsReset: false
      })
    ),
    onNode
  ],
  TLS: [
    Conformance.cases(
      Conformance.overNetwork({
        address: anyPort,
        listen: { tls: { identity: certificates.server } },
        open: { tls: { ca: certificates.authority, servername: "socket.test" } }
      })
    ),
    onNode
  ]
}

const show = (suite) => {
  const [cases, provide] = suites[suite]
  return Effect.forEach(cases, ({ name, run }) =>
    Effect.map(Effect.exit(provide(run)), (exit) => print(`over ${suite}: ${name}`, exit))
  )
}

// What computes runs alone. What mostly waits runs side by side.
for (const together of [["memory"], ["UDP"], ["TCP", "Unix", "TLS"]]) {
  await Effect.runPromise(Effect.forEach(together, show, { concurrency: "unbounded" }))
}
