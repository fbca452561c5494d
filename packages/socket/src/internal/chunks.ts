/** Byte arrays, and lists of them as one run of bytes. */

export const sizeOf = (chunks: ReadonlyArray<Uint8Array>): number =>
  chunks.reduce((bytes, chunk) => bytes + chunk.length, 0)

/** Cuts `chunks` after `room` bytes and gives what was behind. */
export const splitOff = (chunks: Array<Uint8Array>, room: number): Array<Uint8Array> => {
  let left = room
  for (const [i, chunk] of chunks.entries()) {
    if (chunk.length > left) {
      const rest = chunks.splice(i)
      if (left > 0) {
        chunks.push(chunk.subarray(0, left))
        rest[0] = chunk.subarray(left)
      }
      return rest
    }
    left -= chunk.length
  }
  return []
}

export const join = (chunks: ReadonlyArray<Uint8Array>, bytes: number): Uint8Array => {
  const joined = new Uint8Array(bytes)
  let at = 0
  for (const chunk of chunks) {
    joined.set(chunk, at)
    at += chunk.length
  }
  return joined
}

/** V8 keeps arrays up to this size with their object; a larger one of its own costs half a microsecond and more. */
const inObject = 64
/** Copies below `largestShared` are cut from blocks. One that is kept keeps its block: so blocks are small. */
const blockSize = 16 * 1024
const largestShared = blockSize / 2

let block = new Uint8Array(0)
let used = 0

export const clone = (bytes: Uint8Array): Uint8Array => {
  const { length } = bytes
  // A Buffer would give a view.
  if (length <= inObject || length > largestShared) return Uint8Array.prototype.slice.call(bytes)
  if (used + length > block.length) {
    block = new Uint8Array(blockSize)
    used = 0
  }
  const copy = block.subarray(used, used + length)
  used += length
  copy.set(bytes)
  return copy
}
