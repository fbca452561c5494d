/** The file of a Unix-domain socket that listens: who may remove it, and when. */
import * as Effect from "effect/Effect"
import { lstatSync, renameSync, rmSync } from "node:fs"
import * as Net from "node:net"
import { type Reason, reasonFromCause } from "../../NetworkError.ts"

/** A file, whatever its name. A socket that is open keeps its file's number from being used again. */
export interface FileIdentity {
  readonly device: bigint
  readonly inode: bigint
  readonly isSocket: boolean
}

/** The file at a path, which may be a link; nothing, if there is none or it is not told. */
export const identify = (path: string): FileIdentity | undefined => {
  try {
    const stats = lstatSync(path, { bigint: true })
    return { device: stats.dev, inode: stats.ino, isSocket: stats.isSocket() }
  } catch {
    return undefined
  }
}

const isSame = (self: FileIdentity | undefined, that: FileIdentity | undefined): boolean =>
  self !== undefined && that !== undefined && self.device === that.device && self.inode === that.inode

let aside = 0

/**
 * Runs `close`, which makes Node remove whatever lies at the path, and spares a file that is not the socket's own: it is
 * moved aside meanwhile, within one turn.
 */
export const closing = (path: string, own: FileIdentity | undefined, close: () => void): void => {
  const now = identify(path)
  if (now === undefined || isSame(own, now)) return close()
  const place = `${path}.${process.pid}-${aside++}`
  try {
    renameSync(path, place)
  } catch {
    // Who may not move it may not remove it either.
    return close()
  }
  try {
    close()
  } finally {
    renameSync(place, path)
  }
}

/**
 * Removes the file that a dead process left: only a socket, and only if nobody answers there. Succeeds with whether it
 * did; fails with the reason why it may not.
 */
export const removeStale = (path: string): Effect.Effect<boolean, Reason> =>
  Effect.callback((resume) => {
    // An abstract name has no file: who has it lives.
    const found = path.startsWith("\0") ? undefined : identify(path)
    if (found?.isSocket !== true) return resume(Effect.succeed(false))
    const probe = Net.connect({ path })
    probe.once("connect", () => {
      probe.destroy()
      resume(Effect.succeed(false))
    })
    probe.once("error", (cause) => {
      if (reasonFromCause(cause)._tag !== "ConnectionRefused") return resume(Effect.succeed(false))
      resume(Effect.try({ try: () => removeIf(path, found), catch: reasonFromCause }))
    })
    return Effect.sync(() => {
      probe.destroy()
    })
  })

/** Between the question and the answer another process may have opened the path. */
const removeIf = (path: string, found: FileIdentity): boolean => {
  if (!isSame(found, identify(path))) return false
  rmSync(path, { force: true })
  return true
}
