/** The buffered input as decoders see it: a place in an `InputBuffer` that moves on as a frame is taken apart. */
import type { InputBuffer } from "./InputBuffer.ts"

export class DecoderInput {
  /** Whether the input has ended: no more will come. */
  ended = false
  /** Bytes that the frame may have at most. */
  limit = Infinity
  private readonly buffer: InputBuffer
  /** Bytes that the frame has taken so far. */
  private at = 0

  constructor(buffer: InputBuffer) {
    this.buffer = buffer
  }

  /** Bytes that are there and not taken. */
  get size(): number {
    return this.buffer.size - this.at
  }

  /** Bytes that this frame has taken so far. */
  get taken(): number {
    return this.at
  }

  /** The byte at `index`, counted from the first that is not taken, or -1 if it has not come. */
  peek(index = 0): number {
    const at = this.at + index
    return at < this.buffer.size ? this.buffer.peek(at) : -1
  }

  /** How many bytes come before `delimiter` (at least one byte), or -1 if it has not come. */
  indexOf(delimiter: Uint8Array): number {
    const index = this.buffer.indexOf(delimiter, this.at)
    return index === -1 ? -1 : index - this.at
  }

  /** Takes `count` bytes, at most as many as are there, as an array of the caller's own. */
  take(count: number): Uint8Array {
    const bytes = this.buffer.slice(this.at, count)
    this.at += count
    return bytes
  }

  /** Takes `count` bytes, at most as many as are there, as text in UTF-8. */
  text(count: number): string {
    const text = this.buffer.textOf(this.at, count)
    this.at += count
    return text
  }

  /** Takes `count` bytes, at most as many as are there, and drops them. */
  skip(count: number): void {
    this.at += count
  }

  /**
   * Takes the next line, without its LF, where that is cheap: ASCII of at most `limit` bytes that came in one piece.
   * Otherwise nothing, which says nothing of the input.
   */
  line(limit: number): string | undefined {
    const line = this.at === 0 ? this.buffer.line(limit) : undefined
    // As many bytes as characters, and the LF.
    if (line !== undefined) this.at = line.length + 1
    return line
  }

  /** What was taken is gone from the buffer. */
  commit(): void {
    if (this.at > 0) this.buffer.skip(this.at)
    this.at = 0
  }

  /** What was taken is there again. */
  rollback(): void {
    this.at = 0
  }
}
