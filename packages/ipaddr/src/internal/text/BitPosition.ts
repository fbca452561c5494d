/**
 * Where in the text of an address one of its bits stands: for errors that are about bits, as those beyond a prefix.
 * Bits are counted from the first, the most significant one.
 */

/**
 * The index in `text` of what holds a bit of the right address that stands there from `from` up to `to`: of the decimal
 * part, of the hexadecimal digit, or of the `::` that stands for it.
 */
export const bitPosition = (text: string, from: number, to: number, v6: boolean, bit: number): number => {
  const address = text.slice(from, to)
  return from + (v6 ? inGroups(address, bit) : partAt(address, 0, bit >>> 3))
}

// The index of a part of a dotted address that begins at `start`.
const partAt = (address: string, start: number, part: number): number => {
  let position = start
  for (let index = 0; index < part; index++) position = address.indexOf(".", position) + 1
  return position
}

const inGroups = (address: string, bit: number): number => {
  const gap = address.indexOf("::")
  const tokens = Array.from(address.matchAll(/[^:]+/g), ({ 0: token, index }) => ({
    index,
    token,
    groups: token.includes(".") ? 2 : 1
  }))
  // What comes after the gap ends with the eighth group.
  let group = 0
  let left = tokens.reduce((total, { groups }) => total + groups, 0)
  for (const { groups, index, token } of tokens) {
    if (gap >= 0 && index > gap) group = 8 - left
    const within = bit - group * 16
    if (within >= 0 && within < groups * 16) {
      if (groups === 2) return partAt(address, index, within >>> 3)
      // Zeros at the front of a group may have no digit.
      return index + Math.max(0, token.length - 4 + (within >>> 2))
    }
    group += groups
    left -= groups
  }
  return gap
}
