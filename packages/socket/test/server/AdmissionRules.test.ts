import { assert, describe, it } from "@effect/vitest"
import * as NetAddress from "effect/net/NetAddress"
import { AdmissionRules, type Rules } from "../../src/internal/server/AdmissionRules.ts"
import { limitsFrom } from "../../src/internal/stream/StreamOptions.ts"
import { StreamState } from "../../src/internal/stream/StreamState.ts"
import { FakeConnection } from "../utils/fakeConnection.ts"

const streamFrom = (peer: string) => {
  const address = NetAddress.inetAddressUnsafe(NetAddress.ipFromStringUnsafe(peer), 4711)
  return new StreamState(new FakeConnection(address), limitsFrom({}))
}

/** Whether each peer is let in, when all of them come at once. */
const entering = (rules: Rules, ...peers: ReadonlyArray<string>): ReadonlyArray<boolean> => {
  const admission = new AdmissionRules(rules)
  return peers.map((peer) => admission.enter(streamFrom(peer)) === undefined)
}

describe("maxPerPeer counts", () => {
  it("an IPv6 peer by its /64, where nothing else is said", () => {
    assert.deepStrictEqual(
      entering({ maxPerPeer: 1 }, "2001:db8::1", "2001:db8::ffff:0:0:2", "2001:db8:0:1::1", "2001:db8:0:1::2"),
      [true, false, true, false]
    )
  })

  it("by the prefix that it is told, of 1 to 128 bits", () => {
    const peers = ["2001:db8::1", "2001:db8::2", "2001:db9::1", "a001::1"]
    for (const [peerPrefixLength, expected] of [
      [128, [true, true, true, true]],
      [127, [true, true, true, true]],
      [126, [true, false, true, true]],
      [32, [true, false, true, true]],
      [31, [true, false, false, true]],
      [1, [true, false, false, true]]
    ] as const) {
      assert.deepStrictEqual(entering({ maxPerPeer: 1, peerPrefixLength }, ...peers), expected, `/${peerPrefixLength}`)
    }
  })

  it("an IPv4 peer whole, and its mapped form as the same", () => {
    assert.deepStrictEqual(
      entering({ maxPerPeer: 1 }, "192.0.2.1", "::ffff:192.0.2.1", "192.0.2.2", "::ffff:192.0.2.3", "192.0.2.3"),
      [true, false, true, true, false]
    )
  })

  it("only what is still there", () => {
    const admission = new AdmissionRules({ maxPerPeer: 1 })
    const connections = Array.from({ length: 2 }, () => new FakeConnection())
    const [first, second] = connections.map((connection) => new StreamState(connection, limitsFrom({})))
    connections[0].breaks()
    assert.isUndefined(admission.enter(first))
    assert.isUndefined(admission.enter(second))
    assert.strictEqual(admission.enter(streamFrom("127.0.0.1")), "MaxPerPeer")
    connections[1].breaks()
    assert.isUndefined(admission.enter(streamFrom("127.0.0.1")))
  })
})
