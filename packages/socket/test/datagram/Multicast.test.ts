/** Broadcast and multicast on real networks: the loopback, and two wires between two network namespaces. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as NetAddress from "effect/net/NetAddress"
import * as Option from "effect/Option"
import { spawnSync } from "node:child_process"
import * as path from "node:path"
import * as Datagram from "../../src/Datagram.ts"
import * as NodeDatagram from "../../src/NodeDatagram.ts"
import { leavesNothing } from "../utils/leaks.ts"
import { text } from "../utils/live.ts"

const at = NetAddress.inetAddressFromStringUnsafe
const loopback = NetAddress.ipv4Loopback
const group = NetAddress.ipFromStringUnsafe("239.77.1.3") as NetAddress.MulticastAddress<NetAddress.Ipv4Address>

const otherGroup = NetAddress.ipFromStringUnsafe("239.77.1.4") as NetAddress.MulticastAddress<NetAddress.Ipv4Address>

const live = (name: string, test: Effect.Effect<void, unknown, Datagram.DatagramNetwork>) =>
  it.live(name, () => leavesNothing(Effect.provide(test, NodeDatagram.layer)))

/** What comes within a moment. */
const heard = (socket: Datagram.Socket) =>
  Effect.gen(function* () {
    const got: Array<string> = []
    for (;;) {
      const next = yield* Effect.timeoutOption(Datagram.receive(socket), 100)
      if (Option.isNone(next)) return got
      got.push(text(next.value.payload))
    }
  })

const to = (ip: NetAddress.IpAddress, { localAddress }: Datagram.Socket) =>
  NetAddress.inetAddressUnsafe(ip, localAddress.port)

describe("on the loopback", () => {
  live(
    "a broadcast is heard by whoever has its port, and is PermissionDenied without the option",
    Effect.gen(function* () {
      const receiver = yield* Datagram.bind(at("0.0.0.0:0"))
      const everybody = to(NetAddress.ipFromStringUnsafe("127.255.255.255") as NetAddress.Ipv4Address, receiver)
      const shy = yield* Datagram.bind(at("127.0.0.1:0"))
      assert.strictEqual((yield* Effect.flip(Datagram.send(shy, "x", everybody))).reason._tag, "PermissionDenied")
      const sender = yield* Datagram.bind(at("127.0.0.1:0"), { broadcast: true })
      yield* Datagram.send(sender, "to all", everybody)
      assert.deepStrictEqual(yield* heard(receiver), ["to all"])
    }).pipe(Effect.scoped)
  )

  live(
    "a group is heard by all that have joined it, until their scopes close",
    Effect.gen(function* () {
      const members = [yield* Datagram.bind(at("0.0.0.0:0"), { reuseAddress: true })]
      members.push(
        yield* Datagram.bind(to(NetAddress.ipv4Unspecified, members[0]), { reuseAddress: true }),
        yield* Datagram.bind(to(loopback, members[0]), { reuseAddress: true })
      )
      const sender = yield* Datagram.bind(at("127.0.0.1:0"), { multicast: { interface: loopback } })
      const send = (message: string) => Datagram.send(sender, message, to(group, members[0]))
      const all = Effect.forEach(members, heard, { concurrency: "unbounded" })
      yield* Effect.gen(function* () {
        for (const socket of members.slice(0, 2)) yield* Datagram.joinMulticast(socket, { group, interface: loopback })
        yield* send("joined")
        assert.deepStrictEqual(yield* all, [["joined"], ["joined"], []])
      }).pipe(Effect.scoped)
      yield* send("left")
      assert.deepStrictEqual(yield* all, [[], [], []])
    }).pipe(Effect.scoped)
  )

  live(
    "a socket of any address hears what another one of this machine has joined, one of the group's address that group alone",
    Effect.gen(function* () {
      const joined = yield* Datagram.bind(at("0.0.0.0:0"), { reuseAddress: true })
      const sockets = [joined]
      for (const address of [NetAddress.ipv4Unspecified, group, otherGroup]) {
        sockets.push(yield* Datagram.bind(to(address, joined), { reuseAddress: true }))
      }
      yield* Datagram.joinMulticast(joined, { group, interface: loopback })
      yield* Datagram.joinMulticast(sockets[3], { group: otherGroup, interface: loopback })
      const sender = yield* Datagram.bind(at("127.0.0.1:0"), { multicast: { interface: loopback } })
      yield* Datagram.send(sender, "one", to(group, joined))
      yield* Datagram.send(sender, "other", to(otherGroup, joined))
      const all = yield* Effect.forEach(sockets, heard, { concurrency: "unbounded" })
      assert.deepStrictEqual(all, [["one", "other"], ["one", "other"], ["one"], ["other"]])
    }).pipe(Effect.scoped)
  )

  live(
    "a group is heard from one source alone if it is given",
    Effect.gen(function* () {
      const member = yield* Datagram.bind(at("0.0.0.0:0"))
      yield* Datagram.joinMulticast(member, { group, interface: loopback, source: loopback })
      for (const source of ["127.0.0.1", "127.0.0.2"]) {
        const sender = yield* Datagram.bind(at(`${source}:0`), { multicast: { interface: loopback } })
        yield* Datagram.send(sender, source, to(group, member))
      }
      assert.deepStrictEqual(yield* heard(member), ["127.0.0.1"])
    }).pipe(Effect.scoped)
  )

  live(
    "a group that is none is a typed failure",
    Effect.gen(function* () {
      const socket = yield* Datagram.bind(at("0.0.0.0:0"))
      const wrong: ReadonlyArray<readonly [options: unknown, value: string]> = [
        [{ group: loopback }, "127.0.0.1"],
        [{ group: "239.1.2.3" }, '"239.1.2.3"'],
        [{}, "null"],
        [null, "null"]
      ]
      for (const [options, value] of wrong) {
        const { operation, reason } = yield* Effect.flip(Datagram.joinMulticast(socket, options as { group: never }))
        assert.strictEqual(operation, "listen")
        assert.deepInclude(reason, { _tag: "InvalidOption", option: "group", mustBe: "a multicast address" })
        assert.include(reason._tag === "InvalidOption" ? reason.value : "", value)
      }
    }).pipe(Effect.scoped)
  )

  live(
    "an interface that this machine does not have is a typed failure, on both sides",
    Effect.gen(function* () {
      const foreign = NetAddress.ipFromStringUnsafe("203.0.113.9") as NetAddress.Ipv4Address
      const socket = yield* Datagram.bind(at("0.0.0.0:0"))
      const join = yield* Effect.flip(Datagram.joinMulticast(socket, { group, interface: foreign }))
      const open = yield* Effect.flip(Datagram.bind(at("0.0.0.0:0"), { multicast: { interface: foreign } }))
      assert.deepStrictEqual([join.operation, open.operation], ["listen", "listen"])
      assert.deepStrictEqual([join.reason._tag, open.reason._tag], ["AddressNotAvailable", "AddressNotAvailable"])
    }).pipe(Effect.scoped)
  )
})

/** Two machines: this script's network and that of a process that only sleeps, with two wires between them. */
const wired = (command: string) => {
  const script = `
set -e
unshare -n sleep 60 >/dev/null 2>&1 &
other=$!
trap 'kill $other $saying' EXIT
inside="nsenter -t $other -n"
until [ "$(readlink /proc/$other/ns/net)" != "$(readlink /proc/self/ns/net)" ]; do sleep 0.05; done
for wire in v w; do
  ip link add "$wire"0 type veth peer name "$wire"1
  ip link set "$wire"1 netns $other
done
ip addr add 10.1.0.1/24 brd + dev v0; ip addr add 10.1.0.3/24 dev v0; ip addr add 10.2.0.1/24 brd + dev w0
$inside ip addr add 10.1.0.2/24 brd + dev v1; $inside ip addr add 10.2.0.2/24 brd + dev w1
ip link set v0 up; ip link set w0 up; $inside ip link set v1 up; $inside ip link set w1 up
${command}`
  return spawnSync("unshare", ["-rn", "sh", "-c", script], { encoding: "utf8", timeout: 25_000 })
}

const can = process.platform === "linux" && wired("true").status === 0

describe.skipIf(!can)("between two machines on two wires (needs unshare, nsenter and iproute2)", () => {
  const node = `${process.execPath} ${path.join(import.meta.dirname, "../fixtures/multicast.ts")}`

  it("groups are joined and left by interface and source, and broadcasts stay on their wire", () => {
    const { stderr, stdout } = wired(`
${node} say >/dev/null &
saying=$!
# The kernel looks for a while whether the addresses of IPv6 are taken.
until ip -6 addr show dev v0 | grep -q 'fe80' && $inside ip -6 addr show dev v1 | grep -q 'fe80'; do sleep 0.1; done
$inside ${node} hear`)
    assert.strictEqual(stderr, "")
    assert.deepStrictEqual(JSON.parse(stdout), {
      "on the first wire": ["by the first wire"],
      "on the second wire": ["by the second wire"],
      "from one source": ["from 10.1.0.1"],
      "on IPv6": ["by IPv6"],
      "by broadcast": ["to 10.1.0.255", "to 10.2.0.255"],
      "after it left": [],
      "what the other machine hears of itself": ["with loopback"]
    })
  })
})
