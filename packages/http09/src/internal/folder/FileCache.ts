/**
 * The bytes of small files that were asked for lately, each with what `stat` said of it. Pure.
 */
import type { Whole } from "../../DocumentRoot.ts"

/** What tells a file that changed from one that did not: any write, rename or new file changes `ctimeMs` at least. */
export interface Stamp {
  readonly dev: number
  readonly ino: number
  readonly size: number
  readonly mtimeMs: number
  readonly ctimeMs: number
}

const isSame = (a: Stamp, b: Stamp): boolean =>
  a.ino === b.ino && a.ctimeMs === b.ctimeMs && a.mtimeMs === b.mtimeMs && a.size === b.size && a.dev === b.dev

/**
 * How long a file must have rested before its bytes are kept. Two changes within one tick of the file system's clock
 * have one time: 4 ms on Linux's own file systems, up to 2 s elsewhere. A file that rested longer when it was read
 * cannot change without a new time.
 */
const restMillis = 2000

/**
 * How long bytes are served that were read once, however unchanged their file seems: writes through shared memory need
 * not change its times, and a network file system may show old ones.
 */
const keepMillis = 10_000

interface Entry {
  readonly stamp: Stamp
  readonly document: Whole
  readonly cost: number
  readonly readAt: number
  /** The turn of the event loop in which its file was last asked about. */
  turn: number
  /** Somebody asked for it since room was made last. */
  isWanted: boolean
}

/** What an entry takes beside its bytes and its path, about. */
const overhead = 512

/**
 * Keeps `maxBytes` of memory at most. Where room is needed, the documents are gone through in the order of their coming:
 * one that was asked for since the last time stays and goes to the end, any other leaves. So a request for a document that
 * is kept moves nothing in the table.
 */
export class FileCache {
  private readonly entries = new Map<string, Entry>()
  private bytes = 0
  private readonly maxBytes: number

  constructor(maxBytes: number) {
    this.maxBytes = maxBytes
  }

  /**
   * The document that was kept for the path, if its file still is as it was; `stampOf` says how it is now. It is asked
   * once in a turn of the event loop: what all requests of one turn want was asked for before the turn began.
   */
  get(path: string, turn: number, now: number, stampOf: (name: string) => Stamp | undefined): Whole | undefined {
    const entry = this.entries.get(path)
    if (entry === undefined) return undefined
    entry.isWanted = true
    if (entry.turn === turn) return entry.document
    const isFresh = now >= entry.readAt && now - entry.readAt < keepMillis
    const stamp = isFresh ? stampOf(entry.document.name) : undefined
    if (stamp === undefined || !isSame(stamp, entry.stamp)) {
      this.remove(path)
      return undefined
    }
    entry.turn = turn
    return entry.document
  }

  /** Keeps a document that was read at `now`, after its file was found as `stamp` says. */
  set(path: string, document: Whole, stamp: Stamp, now: number): void {
    if (now - stamp.ctimeMs < restMillis || now - stamp.mtimeMs < restMillis) return
    this.remove(path)
    const cost = document.bytes.length + 2 * path.length + overhead
    if (cost > this.maxBytes) return
    this.makeRoom(cost)
    this.bytes += cost
    this.entries.set(path, { stamp, document, cost, readAt: now, turn: -1, isWanted: false })
  }

  private makeRoom(cost: number): void {
    for (const [path, entry] of this.entries) {
      if (this.bytes + cost <= this.maxBytes) return
      if (entry.isWanted) {
        entry.isWanted = false
        this.entries.delete(path)
        this.entries.set(path, entry)
      } else this.remove(path)
    }
  }

  private remove(path: string): void {
    this.bytes -= this.entries.get(path)?.cost ?? 0
    this.entries.delete(path)
  }
}
