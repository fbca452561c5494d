/**
 * The text of a range, `address`, `address/length` or `address-address`, read into a scratch area that belongs to this
 * module: a list of a million lines makes no values on the way into a set.
 */
import * as Ipv4Text from "./Ipv4Text.ts"
import { failure } from "./ParseFailure.ts"
import * as Ipv6Text from "./Ipv6Text.ts"

const prefixFailure = failure("prefix")
const hostBitsFailure = failure("hostBits")
const familyFailure = failure("family")
const orderFailure = failure("order")

/** The words of the first address, most significant first; an IPv4 address has one. */
export const first = new Uint32Array(4)

/** The words of the last address. */
export const last = new Uint32Array(4)

/** The prefix length that was given, the width of a single address, or -1 for first and last. */
export let prefixLength = 0

const parsePrefix = (text: string, from: number, to: number, width: number): number => {
  if (from === to || to - from > 3 || (text.charCodeAt(from) === 48 && to - from > 1)) return prefixFailure(from)
  let value = 0
  for (let position = from; position < to; position++) {
    const digit = text.charCodeAt(position) - 48
    if (digit < 0 || digit > 9) return prefixFailure(position)
    value = value * 10 + digit
  }
  return value <= width ? value : prefixFailure(from)
}

const parseAddress = (text: string, from: number, to: number, v6: boolean, words: Uint32Array): number => {
  const code = v6 ? Ipv6Text.parse(text, from, to) : Ipv4Text.parse(text, from, to)
  if (code < 0) return code
  if (v6) for (let index = 0; index < 4; index++) words[index] = Ipv6Text.word(index)
  else words[0] = code
  return 0
}

/** Reads the range that fills `text` from `from` up to `to`; its number of words (1 or 4), or a negative failure code. */
export const parse = (text: string, from: number, to: number): number => {
  let separator = to
  let v6 = false
  for (let position = from; position < to; position++) {
    const code = text.charCodeAt(position)
    if (code === 47 || code === 45) {
      separator = position
      break
    }
    if (code === 58) v6 = true
  }
  const code = parseAddress(text, from, separator, v6, first)
  if (code < 0) return code
  const size = v6 ? 4 : 1
  if (separator === to) {
    last.set(first)
    prefixLength = size * 32
    return size
  }
  if (text.charCodeAt(separator) === 47) {
    const prefix = parsePrefix(text, separator + 1, to, size * 32)
    if (prefix < 0) return prefix
    prefixLength = prefix
    for (let index = 0; index < size; index++) {
      const bits = Math.min(Math.max(prefix - index * 32, 0), 32)
      const host = bits === 32 ? 0 : 0xffffffff >>> bits
      if ((first[index] & host) !== 0) return hostBitsFailure(from)
      last[index] = first[index] | host
    }
    return size
  }
  prefixLength = -1
  const other = text.indexOf(":", separator)
  if ((other >= 0 && other < to) !== v6) return familyFailure(separator + 1)
  const end = parseAddress(text, separator + 1, to, v6, last)
  if (end < 0) return end
  for (let index = 0; index < size && last[index] <= first[index]; index++) {
    if (last[index] < first[index]) return orderFailure(separator + 1)
  }
  return size
}
