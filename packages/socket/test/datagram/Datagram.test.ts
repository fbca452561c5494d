/** The contract of datagrams, over both networks. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as NetAddress from "effect/net/NetAddress"
import * as Datagram from "../../src/Datagram.ts"
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
    run: (check: Effect.Effect<void, unknown, Datagram.DatagramNetwork>) => Effect.Effect<void, unknown>
  ]
}

for (const [network, [address, run]] of Object.entries(networks)) {
  describe(`over ${network}`, () => {
    for (const { name, run: check } of cases(NetAddress.inetAddressFromStringUnsafe(address))) {
      it.live(name, () => run(check))
    }
  })
}

it.live("on this machine a link-local address of IPv6 needs its zone", () =>
  Effect.gen(function* () {
    const bound = Datagram.bind(NetAddress.inetAddressFromStringUnsafe("[fe80::1]:0"))
    const connected = Datagram.connect(NetAddress.inetAddressFromStringUnsafe("[fe80::1]:9"))
    const why = "[fe80::1]:0: invalid address: a link-local address needs its zone, as in fe80::1%eth0"
    assert.strictEqual((yield* Effect.flip(bound)).message, `listen ${why}`)
    assert.strictEqual((yield* Effect.flip(connected)).message, `connect ${why.replace(":0", ":9")}`)
  }).pipe(Effect.scoped, Effect.provide(NodeDatagram.layer), leavesNothing)
)
