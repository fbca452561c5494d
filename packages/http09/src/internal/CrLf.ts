/**
 * Text with every line ended by CR LF, from text in chunks of any size.
 */

const cr = 13
const lf = 10

/** Ends lines with CR LF where LF or CR LF ended them, and the last line also if nothing did. */
export class CrLf {
  private last = lf

  /** The next bytes of the text. */
  push(chunk: Uint8Array): Uint8Array {
    const bare: Array<number> = []
    for (let at = chunk.indexOf(lf); at !== -1; at = chunk.indexOf(lf, at + 1)) {
      if ((at === 0 ? this.last : chunk[at - 1]) !== cr) bare.push(at)
    }
    if (chunk.length > 0) this.last = chunk[chunk.length - 1]
    if (bare.length === 0) return chunk
    const result = new Uint8Array(chunk.length + bare.length)
    let from = 0
    for (const [shift, at] of bare.entries()) {
      result.set(chunk.subarray(from, at), from + shift)
      result[at + shift] = cr
      from = at
    }
    result.set(chunk.subarray(from), from + bare.length)
    return result
  }

  /** What the end of the text needs. */
  end(): Uint8Array {
    return Uint8Array.from(this.last === lf ? [] : this.last === cr ? [lf] : [cr, lf])
  }
}
