/** The contract of datagrams, over both networks. */
import { describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as NetAddress from "effect/net/NetAddress"
import type { DatagramNetwork } from "../../src/Datagram.ts"
import * as MemoryNetwork from "../../src/MemoryNetwork.ts"
import * as NodeDatagram from "../../src/NodeDatagram.ts"
import { cases } from "../../src/testing/DatagramConformance.ts"
import * as Simulation from "../../src/testing/Simulation.ts"
import { leavesNothing } from "../utils/leaks.ts"

const networks = {
  "UDP on IPv4": ["127.0.0.1:0", (check) => leavesNothing(Effect.provide(check, NodeDatagram.layer))],
  "UDP on IPv6": ["[::1]:0", (check) => leavesNothing(Effect.provide(check, NodeDatagram.layer))],
  "the memory network": ["127.0.0.1:0", (check) => Effect.provide(check, MemoryNetwork.layer())],
  "the memory network with latency, in simulated time": [
    "[::1]:0",
    (check) => Simulation.simulate(Effect.provide(check, MemoryNetwork.layer({ latency: 5 })))
  ]
} satisfies {
  readonly [name: string]: readonly [
    address: string,
    run: (check: Effect.Effect<void, unknown, DatagramNetwork>) => Effect.Effect<void, unknown>
  ]
}

for (const [network, [address, run]] of Object.entries(networks)) {
  describe(`over ${network}`, () => {
    for (const { name, run: check } of cases(NetAddress.inetAddressFromStringUnsafe(address))) {
      it.live(name, () => run(check))
    }
  })
}
