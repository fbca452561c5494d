/**
 * The text of a block with a mask in place of its prefix length, `address/netmask` or `address/hostmask`.
 */
import { bitPosition } from "./BitPosition.ts"
import * as Ipv4Text from "./Ipv4Text.ts"
import * as Ipv6Text from "./Ipv6Text.ts"
import { failure } from "./ParseFailure.ts"

const missingFailure = failure("maskMissing")
const netmaskFailure = failure("netmask")
const hostmaskFailure = failure("hostmask")
const hostBitsFailure = failure("hostBits")

/** A block as the number of its first address and its prefix length. */
export interface Block {
  readonly v6: boolean
  readonly first: bigint
  readonly prefixLength: number
}

/** The block that a text names, whose mask is a netmask (ones, then zeros) or a hostmask; or a negative failure code. */
export const parse = (text: string, isHostmask: boolean): Block | number => {
  const slash = text.indexOf("/")
  const end = slash < 0 ? text.length : slash
  const v6 = Ipv6Text.isCandidate(text, 0, end)
  const width = v6 ? 128 : 32
  const number = (from: number, to: number): bigint | number => {
    const code = v6 ? Ipv6Text.parse(text, from, to) : Ipv4Text.parse(text, from, to)
    return code < 0 ? code : v6 ? Ipv6Text.getBigInt() : BigInt(code)
  }
  const first = number(0, end)
  if (typeof first === "number") return first
  if (slash < 0) return missingFailure(end)
  const mask = number(slash + 1, text.length)
  if (typeof mask === "number") return mask
  const all = (1n << BigInt(width)) - 1n
  const bits = bitsOf(isHostmask ? all ^ mask : mask, width)
  const prefixLength = bits.indexOf("0") < 0 ? width : bits.indexOf("0")
  const wrong = bits.indexOf("1", prefixLength)
  if (wrong >= 0) {
    const position = bitPosition(text, slash + 1, text.length, v6, wrong)
    return isHostmask ? hostmaskFailure(position) : netmaskFailure(position)
  }
  const beyond = bitsOf(first, width).indexOf("1", prefixLength)
  return beyond < 0 ? { v6, first, prefixLength } : hostBitsFailure(bitPosition(text, 0, end, v6, beyond))
}

const bitsOf = (value: bigint, width: number): string => value.toString(2).padStart(width, "0")
