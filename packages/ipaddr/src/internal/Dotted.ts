/**
 * Strict dotted text, as `inet_pton` takes it, in one pass over character codes. A slice is given by its bounds, so
 * that callers that parse an address inside a longer text need no substring.
 */

/** Why a text is not a dotted address; the number is the low digit of a failure code. */
export const reasons = [
  "a decimal digit is missing",
  "a part is at most 255",
  "a part has no leading zero",
  "a dot is missing",
  "nothing may follow the fourth part"
] as const

const DIGIT = 0
const TOO_LARGE = 1
const LEADING_ZERO = 2
const DOT = 3
const TRAILING = 4

// A failure is a negative number that holds both facts: parsing allocates nothing, also when it fails.
const failure = (position: number, reason: number): number => -1 - (position * 16 + reason)

/** The index in the text that a failure code points at. */
export const failurePosition = (code: number): number => Math.floor((-1 - code) / 16)

/** The index in `reasons` that a failure code carries. */
export const failureReason = (code: number): number => (-1 - code) % 16

/** The value of the address that fills `text` from `from` up to `to`, or a negative failure code. */
export const parse = (text: string, from: number, to: number): number => {
  let value = 0
  let position = from
  for (let part = 0; part < 4; part++) {
    if (part > 0) {
      if (position >= to || text.charCodeAt(position) !== 46) return failure(position, DOT)
      position++
    }
    const start = position
    let octet = 0
    while (position < to) {
      const digit = text.charCodeAt(position) - 48
      if (digit < 0 || digit > 9) break
      if (octet === 0 && position > start) return failure(start, LEADING_ZERO)
      octet = octet * 10 + digit
      if (octet > 255) return failure(start, TOO_LARGE)
      position++
    }
    if (position === start) return failure(position, DIGIT)
    value = value * 256 + octet
  }
  return position === to ? value : failure(position, TRAILING)
}

const octets = Array.from({ length: 256 }, (_, octet) => String(octet))

/** The dotted text of an unsigned 32-bit number. */
export const format = (value: number): string =>
  `${octets[value >>> 24]}.${octets[(value >>> 16) & 255]}.${octets[(value >>> 8) & 255]}.${octets[value & 255]}`
