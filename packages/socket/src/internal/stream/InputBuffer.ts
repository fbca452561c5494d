/** Bytes that came and were not yet taken, in order. Pure: it knows nothing of sockets. */

import { clone } from "./Bytes.ts"
import { append, none } from "./lists.ts"

/** Below this size, a chunk that joins others is copied into a shared block: a drip of single bytes costs a byte each. */
const smallChunk = 512
const firstBlock = 512
const nextBlock = 4096

/** A line keeps the text that it was cut from alive, in V8: a small window bounds what one kept line costs. */
const textWindow = 4096
const decoder = new TextDecoder("utf-8", { ignoreBOM: true })
/** Up to so many characters, a loop over ASCII costs half of a call of the decoder. */
const shortText = 16

export class InputBuffer {
  /** Bytes held. */
  size = 0
  private chunks: Array<Uint8Array> = none
  private head = 0
  /** Bytes of the first chunk that are taken already. */
  private offset = 0
  /** The block behind the last chunk, while that is one that `push` copies into, and how much of it is used. */
  private block: Uint8Array | undefined
  private blockUsed = 0
  /** The last chunk, while its array belongs to somebody else. */
  private borrowed: Uint8Array | undefined
  /** The text of the first bytes, where it is ASCII: as many characters as bytes. What is taken of one goes from both. */
  private text = ""
  private textAt = 0
  /** Bytes from the front that are known not to be ASCII text for `line`, so that they are not decoded again. */
  private notText = 0
  /** The delimiter of the last search, and the bytes, counted from the front, that cannot start it. */
  private sought: Uint8Array | undefined
  private soughtFrom = 0
  private searched = 0

  push(chunk: Uint8Array): void {
    // More may come while the one before is on loan: what it makes a program write may bring it.
    if (this.borrowed !== undefined) this.endBorrow()
    this.size += chunk.length
    if (chunk.length >= smallChunk || this.head === this.chunks.length) {
      this.block = undefined
      this.chunks = append(this.chunks, chunk)
      return
    }
    if (this.block !== undefined && this.blockUsed + chunk.length <= this.block.length) {
      this.block.set(chunk, this.blockUsed)
      this.blockUsed += chunk.length
      this.chunks[this.chunks.length - 1] = this.block.subarray(0, this.blockUsed)
      return
    }
    this.block = new Uint8Array(this.block === undefined ? firstBlock : nextBlock)
    this.block.set(chunk, 0)
    this.blockUsed = chunk.length
    this.chunks = append(this.chunks, this.block.subarray(0, chunk.length))
  }

  /** Adds bytes of an array that is only borrowed: what is taken of it is copied, and `endBorrow` copies what is left. */
  borrow(chunk: Uint8Array): void {
    if (this.borrowed !== undefined) this.endBorrow()
    this.size += chunk.length
    this.chunks = append(this.chunks, chunk)
    this.borrowed = chunk
  }

  /** The end of the loan. */
  endBorrow(): void {
    if (this.borrowed === undefined) return
    this.borrowed = undefined
    let rest = this.chunks.pop()!
    if (this.head === this.chunks.length) {
      rest = rest.subarray(this.offset)
      this.empty()
    }
    this.size -= rest.length
    // What waits for more gets an array of its own size. (The `slice` of a Buffer is no copy.)
    this.push(Uint8Array.prototype.slice.call(rest))
  }

  /** The first chunk as it came, or what is left of it. There must be one. */
  shift(): Uint8Array {
    return this.take(this.chunks[this.head].length - this.offset)
  }

  /** The first `count` bytes. There must be as many. */
  take(count: number): Uint8Array {
    const isBorrowed = this.chunks[this.head] === this.borrowed
    const bytes = this.view(count)
    const taken = isBorrowed ? clone(bytes) : bytes
    this.skip(count)
    return taken
  }

  /** `count` bytes from `from` on, still in here, and copied only where they cross chunks. There must be as many. */
  view(count: number, from = 0): Uint8Array {
    if (count === 0) return nothing
    let start = this.offset + from
    let i = this.head
    while (start >= this.chunks[i].length) start -= this.chunks[i++].length
    const chunk = this.chunks[i]
    const end = start + count
    if (end > chunk.length) {
      const bytes = new Uint8Array(count)
      this.copy(bytes, i, start)
      return bytes
    }
    return start === 0 && end === chunk.length ? chunk : chunk.subarray(start, end)
  }

  /** `count` bytes from `from` on, still in here, as text in UTF-8. There must be as many. */
  textOf(from: number, count: number): string {
    if (count <= shortText) {
      const chunk = this.chunks[this.head]
      const start = this.offset + from
      const end = start + count
      if (chunk !== undefined && end <= chunk.length) {
        let text = ""
        let at = start
        while (at < end && chunk[at] < 128) text += String.fromCharCode(chunk[at++])
        if (at === end) return text
      }
    }
    return decoder.decode(this.view(count, from))
  }

  /** `count` bytes from `from` on, still in here, as an array that stays as it is. There must be as many. */
  slice(from: number, count: number): Uint8Array {
    const bytes = this.view(count, from)
    // Where they cross chunks they are a copy already.
    return this.borrowed !== undefined && bytes.buffer === this.borrowed.buffer ? clone(bytes) : bytes
  }

  /** Takes the first bytes, as many as there are and `target` holds, into it. Gives the part that is filled. */
  takeInto(target: Uint8Array): Uint8Array {
    const filled = this.size < target.length ? target.subarray(0, this.size) : target
    this.copy(filled, this.head, this.offset)
    this.skip(filled.length)
    return filled
  }

  /** Fills `target` from `offset` of a chunk on. There must be as many. */
  private copy(target: Uint8Array, first: number, start: number): void {
    let head = first
    let offset = start
    let filled = 0
    while (filled < target.length) {
      const chunk = this.chunks[head]
      const part = Math.min(chunk.length - offset, target.length - filled)
      target.set(part === chunk.length ? chunk : chunk.subarray(offset, offset + part), filled)
      filled += part
      head++
      offset = 0
    }
  }

  /**
   * The next line without its LF, still in here, if it is ASCII, no longer than `limit` and in one piece; otherwise
   * nothing, which says nothing of the input. Lines that came together are decoded together: that is most of the cost of
   * a short line.
   */
  line(limit: number): string | undefined {
    if (this.textAt === this.text.length && !this.decode()) return undefined
    const end = this.text.indexOf("\n", this.textAt)
    if (end === -1 || end - this.textAt > limit) {
      // What is left of the window joins the next one.
      if (end === -1) this.forgetText()
      return undefined
    }
    return this.text.slice(this.textAt, end)
  }

  private decode(): boolean {
    if (this.size === 0 || this.notText > 0) return false
    const chunk = this.chunks[this.head]
    const window = chunk.subarray(this.offset, this.offset + textWindow)
    // A line that is alone is cheaper decoded alone.
    const lineFeed = window.indexOf(10)
    if (lineFeed === -1 || window.indexOf(10, lineFeed + 1) === -1) return false
    const text = decoder.decode(window)
    if (text.length !== window.length || text.includes("\uFFFD")) {
      this.notText = window.length
      return false
    }
    this.text = text
    this.textAt = 0
    return true
  }

  private forgetText(): void {
    this.text = ""
    this.textAt = 0
  }

  /** Forgets the first `count` bytes. There must be as many. */
  skip(count: number): void {
    let left = count
    while (left > 0) {
      const part = Math.min(this.chunks[this.head].length - this.offset, left)
      left -= part
      this.offset += part
      if (this.offset === this.chunks[this.head].length) this.drop()
    }
    this.taken(count)
  }

  /** The byte at `index`, counted from the front. There must be as many. */
  peek(index: number): number {
    let at = this.offset + index
    let i = this.head
    while (at >= this.chunks[i].length) at -= this.chunks[i++].length
    return this.chunks[i][at]
  }

  clear(): void {
    this.size = 0
    this.empty()
    this.borrowed = undefined
    this.soughtFrom = 0
    this.searched = 0
    this.notText = 0
    this.forgetText()
  }

  /**
   * Where `delimiter` starts at or behind `start`, counted from the front, or -1. What was searched in vain is not
   * searched again when more bytes have come, so that a long line in small pieces costs its length, not its square.
   */
  indexOf(delimiter: Uint8Array, start = 0): number {
    if (this.sought !== delimiter || start < this.soughtFrom || start > this.searched) {
      this.sought = delimiter
      this.soughtFrom = start
      this.searched = start
    }
    const first = delimiter[0]
    let base = -this.offset
    for (let i = this.head; i < this.chunks.length; i++) {
      const chunk = this.chunks[i]
      let from = Math.max(this.searched - base, 0)
      while (from < chunk.length) {
        const found = chunk.indexOf(first, from)
        if (found === -1) break
        const index = base + found
        if (index + delimiter.length > this.size) {
          this.searched = index
          return -1
        }
        if (delimiter.length === 1 || this.matches(delimiter, i, found)) {
          this.searched = index
          return index
        }
        from = found + 1
      }
      base += chunk.length
    }
    this.searched = this.size
    return -1
  }

  private matches(delimiter: Uint8Array, chunkIndex: number, start: number): boolean {
    let i = chunkIndex
    let at = start
    for (const byte of delimiter) {
      while (at === this.chunks[i].length) {
        i++
        at = 0
      }
      if (this.chunks[i][at] !== byte) return false
      at++
    }
    return true
  }

  private drop(): void {
    this.offset = 0
    if (this.chunks.length === 1) {
      // The common case. A list that grew from nothing has room for many, and V8 takes that back as slowly as it gave it.
      this.chunks = none
      this.block = this.borrowed = undefined
      return
    }
    this.chunks[this.head] = nothing
    this.head++
    if (this.head === this.chunks.length) {
      this.borrowed = undefined
      this.empty()
    } else if (this.head > 64 && this.head * 2 > this.chunks.length) {
      this.chunks.splice(0, this.head)
      this.head = 0
    }
  }

  private empty(): void {
    this.chunks = none
    this.head = 0
    this.offset = 0
    this.block = undefined
  }

  private taken(count: number): void {
    this.size -= count
    this.soughtFrom = Math.max(0, this.soughtFrom - count)
    this.searched = Math.max(0, this.searched - count)
    this.notText = Math.max(0, this.notText - count)
    this.textAt += count
    if (this.textAt >= this.text.length) this.forgetText()
  }
}

const nothing = new Uint8Array(0)
