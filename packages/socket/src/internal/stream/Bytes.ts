/** Byte arrays, and lists of them as one run of bytes. */

export const sizeOf = (chunks: ReadonlyArray<Uint8Array>): number => {
  let size = 0
  for (const chunk of chunks) size += chunk.length
  return size
}

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

/** All parts in one array. */
export const concat = (...parts: ReadonlyArray<Uint8Array>): Uint8Array => join(parts, sizeOf(parts))

/**
 * Small arrays are cut from blocks: one of its own costs half a microsecond and more. One that is kept keeps its block,
 * so blocks are small.
 */
const blockSize = 32 * 1024
const largestShared = blockSize / 4

/** Node's sockets make a Buffer of what is none. */
export const allocate = (size: number): Uint8Array<ArrayBuffer> =>
  typeof Buffer === "undefined" ? new Uint8Array(size) : Buffer.allocUnsafeSlow(size)

let block = allocate(0)
let used = 0

/** As of Node's own pool: who transferred one chunk would take those of others along. */
const markAsUntransferable =
  globalThis.process?.getBuiltinModule?.("node:worker_threads")?.markAsUntransferable ?? (() => {})

/** Makes room for `count` bytes, at most `largestShared`, behind what is used of the block. */
const makeRoom = (count: number): void => {
  if (used + count <= block.length) return
  block = allocate(blockSize)
  markAsUntransferable(block.buffer)
  used = 0
}

/** An array of its receiver's own. */
export const clone = (bytes: Uint8Array): Uint8Array => {
  const { length } = bytes
  if (length > largestShared) {
    const copy = allocate(length)
    copy.set(bytes)
    return copy
  }
  makeRoom(length)
  const copy = block.subarray(used, used + length)
  used += length
  copy.set(bytes)
  return copy
}

const encoder = new TextEncoder()

/** Text in UTF-8. */
const encode = (text: string): Uint8Array => {
  if (text.length > largestShared) return encoder.encode(text)
  makeRoom(text.length)
  const { read, written } = encoder.encodeInto(text, block.subarray(used))
  // Only if it is no ASCII, and the block is nearly used up.
  if (read < text.length) return encoder.encode(text)
  const bytes = block.subarray(used, used + written)
  used += written
  return bytes
}

/** Replaces the texts by their bytes. */
export const encodeAll = (pieces: Array<Uint8Array | string>): Array<Uint8Array> => {
  for (let i = 0; i < pieces.length; i++) {
    const piece = pieces[i]
    if (typeof piece === "string") pieces[i] = encode(piece)
  }
  return pieces as Array<Uint8Array>
}
