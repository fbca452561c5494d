/**
 * Sets beside `node:net`'s `BlockList`, and sets and tables of a million entries.
 */
import * as Option from "effect/Option"
import { BlockList, SocketAddress } from "node:net"
import { type AnyIpaddr, toAddress } from "@effect-sockets/ipaddr/AnyIpaddr"
import * as Ipaddr from "@effect-sockets/ipaddr/Ipaddr"
import * as Ipaddr6 from "@effect-sockets/ipaddr/Ipaddr6"
import * as IpRange from "@effect-sockets/ipaddr/IpRange"
import * as IpSet from "@effect-sockets/ipaddr/IpSet"
import * as IpTable from "@effect-sockets/ipaddr/IpTable"
import { count, random, text4, v4, v6 } from "./inputs.ts"
import { type Candidate, compare, now, print } from "./rounds.ts"

const over = <A>(name: string, inputs: ReadonlyArray<A>, f: (input: A) => boolean): Candidate => ({
  name,
  run: new Function("inputs", "f", "return () => { let n = 0; for (const x of inputs) if (f(x)) n++; return n }")(
    inputs,
    f
  )
})

const address4 = v4.map(Ipaddr.toAddress)
const socketAddresses = text4.map((address) => new SocketAddress({ address }))

const block4 = (shortest: number): string => {
  const length = shortest + (random() % (33 - shortest))
  return `${Ipaddr.toDotted(((random() & (0xffffffff << (32 - length))) >>> 0) as Ipaddr.Ipaddr)}/${length}`
}

// As in the routing table: a few thousand blocks of 32 bits, with blocks of 48 to 64 bits in them.
const block6 = (): string => {
  const length = 48 + (random() % 17)
  const registry = [0x2001n, 0x2400n, 0x2600n, 0x2a00n][random() & 3] + BigInt(random() & 15)
  const address = (registry << 112n) | (BigInt(random() & 0x3ff) << 96n) | (BigInt(random()) << 64n)
  return `${Ipaddr6.format(((address >> BigInt(128 - length)) << BigInt(128 - length)) as Ipaddr6.Ipaddr6)}/${length}`
}

const million = <A>(f: () => A): Array<A> => Array.from({ length: 1_000_000 }, f)

// The bytes of all typed arrays in a value: what it keeps beside a table's own values.
const bytes = (value: unknown): number =>
  ArrayBuffer.isView(value)
    ? value.byteLength
    : typeof value === "object" && value !== null && !Array.isArray(value)
      ? Object.values(value).reduce((sum: number, part) => sum + bytes(part), 0)
      : 0

/** Makes a value three times and prints the median time and how much memory it keeps. */
const made = <A>(title: string, make: () => A): A => {
  const times: Array<number> = []
  let value = make()
  for (let turn = 0; turn < 3; turn++) {
    const start = now()
    value = make()
    times.push(now() - start)
  }
  const seconds = times.sort((a, b) => a - b)[1] / 1e9
  console.log(`\n${title}: ${seconds.toFixed(2)} s, ${(bytes(value) / 1e6).toFixed(1)} MB`)
  return value
}

const numbered = (blocks: ReadonlyArray<string>) => blocks.map((block, index): [string, number] => [block, index])

const near = <A extends AnyIpaddr>(blocks: ReadonlyArray<string>, others: ReadonlyArray<A>): Array<A> =>
  others.map((other) => (random() & 1 ? other : (IpRange.fromStringUnsafe(blocks[random() % blocks.length]).last as A)))

/** Runs the comparisons. */
export const run = (): void => {
  for (const size of [10, 1000]) {
    const blocks = Array.from({ length: size }, () => block4(16))
    const set = IpSet.fromCidrsUnsafe(blocks)
    const list = new BlockList()
    for (const block of blocks) {
      const [address, length] = block.split("/")
      list.addSubnet(address, Number(length))
    }
    print(
      `IpSet.contains, ${size} IPv4 blocks`,
      compare(count, [
        over("node:net BlockList, text", text4, (address) => list.check(address)),
        over("node:net BlockList, SocketAddress", socketAddresses, (address) => list.check(address)),
        over("ipaddr, effect's address", address4, (address) => IpSet.contains(set, address)),
        over("ipaddr, number", v4, (address) => IpSet.containsIpaddr(set, address)),
        over("ipaddr, text", text4, (text) => IpSet.containsIpaddr(set, Ipaddr.fromDottedUnsafe(text)))
      ])
    )
  }

  const [blocks4, blocks6] = [million(() => block4(29)), million(block6)]
  // Half of the questions are about addresses that are in.
  const [near4, near6] = [near(blocks4, v4), near(blocks6, v6)]
  const list = Buffer.from(blocks4.join("\n")).toString("latin1")
  const set4 = made("IpSet of a million IPv4 blocks, from the text of a list", () => IpSet.fromStringUnsafe(list))
  const set6 = made("IpSet of a million IPv6 blocks", () => IpSet.fromCidrsUnsafe(blocks6))
  print(
    `contains of these sets (${IpSet.rangeCount(set4)} and ${IpSet.rangeCount(set6)} ranges)`,
    compare(count, [
      over("IPv4, effect's address", near4.map(toAddress), (address) => IpSet.contains(set4, address)),
      over("IPv4, number", near4, (address) => IpSet.containsIpaddr(set4, address)),
      over("IPv6, effect's address", near6.map(toAddress), (address) => IpSet.contains(set6, address)),
      over("IPv6, bigint", near6, (address) => IpSet.containsIpaddr6(set6, address))
    ])
  )

  const [entries4, entries6] = [million(() => block4(8)), blocks6].map(numbered)
  const table4 = made("IpTable of a million IPv4 blocks of 8 to 32 bits", () => IpTable.fromCidrsUnsafe(entries4))
  const table6 = made("IpTable of a million IPv6 blocks", () => IpTable.fromCidrsUnsafe(entries6))
  print(
    `lookup in these tables (${IpTable.size(table4)} and ${IpTable.size(table6)} different blocks)`,
    compare(count, [
      over("IPv4, effect's address", near4.map(toAddress), (address) => Option.isSome(IpTable.lookup(table4, address))),
      over("IPv4, number", near4, (address) => Option.isSome(IpTable.lookupIpaddr(table4, address))),
      over("IPv6, effect's address", near6.map(toAddress), (address) => Option.isSome(IpTable.lookup(table6, address))),
      over("IPv6, bigint", near6, (address) => Option.isSome(IpTable.lookupIpaddr6(table6, address)))
    ])
  )
}
