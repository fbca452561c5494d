/** Lists of byte arrays as one run of bytes. Pure. */

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
