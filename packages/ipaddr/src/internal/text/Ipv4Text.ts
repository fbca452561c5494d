/**
 * Dotted text in one pass over character codes: strictly as `inet_pton` takes it, and loosely as `inet_aton` does. A
 * slice is given by its bounds, so that callers that parse an address inside a longer text need no substring.
 */
import { failure } from "./ParseFailure.ts"

const digitFailure = failure("digit")
const octetFailure = failure("octet")
const zeroFailure = failure("leadingZero")
const dotFailure = failure("dot")
const afterFailure = failure("afterDotted")
const tooLargeFailure = failure("tooLarge")
const beforeDotFailure = failure("beforeDot")
const hexadecimalFailure = failure("hexadecimal")
const afterLegacyFailure = failure("afterLegacy")

/** The value of the address that fills `text` from `from` up to `to`, or a negative failure code. */
export const parse = (text: string, from: number, to: number): number => {
  let value = 0
  let position = from
  for (let part = 0; part < 4; part++) {
    if (part > 0) {
      if (position >= to || text.charCodeAt(position) !== 46) return dotFailure(position)
      position++
    }
    const start = position
    let octet = 0
    while (position < to) {
      const digit = text.charCodeAt(position) - 48
      if (digit < 0 || digit > 9) break
      if (octet === 0 && position > start) return zeroFailure(position)
      octet = octet * 10 + digit
      if (octet > 255) return octetFailure(position)
      position++
    }
    if (position === start) return digitFailure(position)
    value = value * 256 + octet
  }
  return position === to ? value : afterFailure(position)
}

// White space of the C locale: tab to carriage return, and space.
const isSpace = (code: number): boolean => code === 32 || (code >= 9 && code <= 13)

const digitValue = (code: number): number => {
  if (code >= 48 && code <= 57) return code - 48
  const letter = code | 32
  return letter >= 97 && letter <= 102 ? letter - 87 : 99
}

/**
 * The value that the C library's `inet_aton` gives a text, or a negative failure code: one to four numbers, each
 * decimal, octal after `0` or hexadecimal after `0x`, of which the last fills the bytes that are left.
 */
export const parseLegacy = (text: string): number => {
  let high = 0
  let position = 0
  for (let part = 0; ; part++) {
    const first = digitValue(text.charCodeAt(position))
    if (!(first <= 9)) return digitFailure(position)
    let base = 10
    if (first === 0) {
      const hexadecimal = (text.charCodeAt(position + 1) | 32) === 120
      base = hexadecimal ? 16 : 8
      position += hexadecimal ? 2 : 1
      if (hexadecimal && digitValue(text.charCodeAt(position)) === 99) return hexadecimalFailure(position)
    }
    // The last number may fill all bytes that are left.
    const room = 256 ** (4 - part)
    let value = 0
    for (let digit; (digit = digitValue(text.charCodeAt(position))) < base; position++) {
      value = value * base + digit
      if (value >= room) return tooLargeFailure(position)
    }
    if (position < text.length && text.charCodeAt(position) === 46) {
      if (part === 3) return afterFailure(position)
      if (value > 255) return beforeDotFailure(position)
      high = high * 256 + value
      position++
      continue
    }
    if (position < text.length && !isSpace(text.charCodeAt(position))) return afterLegacyFailure(position)
    // In C the text would end at a NUL; here that would hide what follows it.
    const nul = text.indexOf("\0", position)
    return nul < 0 ? high * room + value : afterLegacyFailure(nul)
  }
}

const octets = Array.from({ length: 256 }, (_, octet) => String(octet))
const dotted = octets.map((octet) => `${octet}.`)

/** The dotted text of an unsigned 32-bit number. */
export const format = (value: number): string =>
  // In pairs: V8 joins up to twelve characters at once, so that at most the last step makes a tree.
  dotted[value >>> 24] + dotted[(value >>> 16) & 255] + (dotted[(value >>> 8) & 255] + octets[value & 255])
