/**
 * The text of a range, `address`, `address/length` or `address-address`, read into a scratch area that belongs to this
 * module: a list of a million lines makes no values on the way into a set.
 */
import * as Ipv4Text from "./Ipv4Text.ts"
import { bitPosition } from "./BitPosition.ts"
import { failure, position } from "./ParseFailure.ts"
import * as Ipv6Text from "./Ipv6Text.ts"

const missingFailure = failure("prefixMissing")
const digitFailure = failure("prefixDigit")
const zeroFailure = failure("prefixZero")
const largeFailure4 = failure("prefixLarge4")
const largeFailure6 = failure("prefixLarge6")
const maskFailure = failure("mask")
const afterFailure = failure("afterPrefix")
const hostBitsFailure = failure("hostBits")
const familyFailure = failure("family")
const orderFailure = failure("order")
const blockFailure = failure("block")

/** The words of the first address, most significant first; an IPv4 address has one. */
export const first = new Uint32Array(4)

/** The words of the last address. */
export const last = new Uint32Array(4)

/** The prefix length that was given, the width of a single address, or -1 for first and last. */
export let prefixLength = 0

const parsePrefix = (text: string, from: number, to: number, width: number): number => {
  if (from === to) return missingFailure(from)
  let value = 0
  for (let position = from; position < to; position++) {
    const digit = text.charCodeAt(position) - 48
    const isDigit = digit >= 0 && digit <= 9
    if (isDigit && (value > 0 || position === from)) {
      value = value * 10 + digit
      if (value <= width) continue
    }
    // Something is wrong here: say what was most likely meant.
    if (/[.:]/.test(text.slice(from, to))) return maskFailure(position)
    if (!isDigit) return position === from ? digitFailure(position) : afterFailure(position)
    if (value === 0) return zeroFailure(position)
    return width === 32 ? largeFailure4(position) : largeFailure6(position)
  }
  return value
}

const parseAddress = (text: string, from: number, to: number, v6: boolean, words: Uint32Array): number => {
  const code = v6 ? Ipv6Text.parse(text, from, to) : Ipv4Text.parse(text, from, to)
  if (code < 0) return code
  if (v6) for (let index = 0; index < 4; index++) words[index] = Ipv6Text.word(index)
  else words[0] = code
  return 0
}

/**
 * Reads the range that fills `text` from `from` up to `to`; its number of words (1 or 4), or a negative failure code.
 * With `blockOnly`, a last address after a `-` is refused.
 */
export const parse = (text: string, from: number, to: number, blockOnly = false): number => {
  let separator = from
  for (let code; separator < to && (code = text.charCodeAt(separator)) !== 47 && code !== 45;) separator++
  const v6 = Ipv6Text.isCandidate(text, from, separator)
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
      const wrong = first[index] & host
      if (wrong !== 0) return hostBitsFailure(bitPosition(text, from, separator, v6, index * 32 + Math.clz32(wrong)))
      last[index] = first[index] | host
    }
    return size
  }
  if (blockOnly) return blockFailure(separator)
  prefixLength = -1
  const end = parseAddress(text, separator + 1, to, v6, last)
  if (end < 0) {
    const isOther = separator + 1 < to && /[.:]/.test(text.slice(separator + 1, to))
    return isOther && Ipv6Text.isCandidate(text, separator + 1, to) !== v6 ? familyFailure(position(end)) : end
  }
  for (let index = 0; index < size && last[index] <= first[index]; index++) {
    const wrong = last[index] ^ first[index]
    if (wrong !== 0) {
      return orderFailure(bitPosition(text, separator + 1, to, v6, index * 32 + Math.clz32(wrong)))
    }
  }
  return size
}
