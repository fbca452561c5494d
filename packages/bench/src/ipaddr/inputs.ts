/**
 * Addresses to measure with, the same in every run.
 */
import * as Ipaddr from "@effect-sockets/ipaddr/Ipaddr"
import * as Ipaddr6 from "@effect-sockets/ipaddr/Ipaddr6"

let state = 0x2545f491

/** A random unsigned 32-bit number (xorshift). */
export const random = (): number => {
  state ^= state << 13
  state ^= state >>> 17
  state ^= state << 5
  return state >>> 0
}

/** How many addresses of each family there are. */
export const count = 4096

// Text as it comes from outside: flat, not put together from parts.
const flat = (text: string): string => Buffer.from(text, "latin1").toString("latin1")

/** IPv4 addresses from all over the space. */
export const v4 = Array.from({ length: count }, () => random() as Ipaddr.Ipaddr)

/** Their dotted text. */
export const text4 = v4.map((address) => flat(Ipaddr.toDotted(address)))

// As servers meet them: hosts with a random half, servers with small numbers, all groups random.
const kinds = [
  () => (0x20010db8n << 96n) | (BigInt(random()) << 64n) | (BigInt(random()) << 32n) | BigInt(random()),
  () => (0x2a000000n << 96n) | (BigInt(random() & 0xffff) << 80n) | BigInt(random() & 0xffff),
  () => (BigInt(random()) << 96n) | (BigInt(random()) << 64n) | (BigInt(random()) << 32n) | BigInt(random())
]

/** IPv6 addresses of three common shapes. */
export const v6 = Array.from({ length: count }, (_, index) => kinds[index % kinds.length]() as Ipaddr6.Ipaddr6)

/** Their text. */
export const text6 = v6.map((address) => flat(Ipaddr6.format(address)))
