/** The receiver's side, without a network: what has come, and what to say of it. */
import { type Arrived, segmentSize, windowSize } from "./Segment.ts"

export class ReceiveWindow {
  private readonly pieces: Array<Uint8Array> = []
  /** Came before their turn, by number. */
  private readonly early = new Map<number, Uint8Array>()
  size = 0
  isDone = false

  /** A segment came: once, again, early or late. */
  received(number: number, bytes: Uint8Array): void {
    if (this.isDone || number < this.pieces.length || number >= this.pieces.length + windowSize) return
    this.early.set(number, bytes)
    for (;;) {
      const piece = this.early.get(this.pieces.length)
      if (piece === undefined) return
      this.early.delete(this.pieces.length)
      this.pieces.push(piece)
      this.size += piece.length
      if (piece.length < segmentSize) {
        this.isDone = true
        return
      }
    }
  }

  /** The first segment that has not come, and a bit for each of the 32 behind it. */
  get arrived(): Arrived {
    const next = this.pieces.length
    let behind = 0
    for (let bit = 0; bit < 32; bit++) if (this.early.has(next + 1 + bit)) behind |= 1 << bit
    return { next, behind: behind >>> 0 }
  }

  get data(): Uint8Array {
    return Buffer.concat(this.pieces)
  }
}
