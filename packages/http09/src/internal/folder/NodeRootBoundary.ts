/**
 * A folder of the file system, and whether something that was opened lies in it.
 */
import * as fs from "node:fs"
import * as Path from "node:path"
import { DocumentError } from "../../DocumentError.ts"

/** Where documents come from. */
export interface RootBoundary {
  /** What stands before a request's path to make it a file's name. */
  readonly prefix: string
  /** Whether Linux's /proc says where an open file is. */
  readonly proc: boolean
  /** Whether a resolved name is the folder's own or of something in it. */
  readonly isInside: (real: string) => boolean
  /** Where an open file is; its name and `fstat` are needed where there is no /proc. */
  readonly where: (fd: number, name: string, opened: fs.Stats) => string
}

/** The folder `root`. Throws if it is none. */
export const make = (root: string, proc: boolean): RootBoundary => {
  const prefix = Path.resolve(root).replace(/^\/$/, "")
  let realPrefix = realFolder(root, prefix)
  const contains = (real: string): boolean => `${real}/`.startsWith(`${realPrefix}/`)
  return {
    prefix,
    proc,
    isInside: (real) => {
      if (contains(real)) return true
      // The root may be a link that leads elsewhere since the last request, as deployments do.
      realPrefix = realFolder(root, prefix)
      return contains(real)
    },
    where: proc ? whereByProc : whereByName
  }
}

const realFolder = (root: string, prefix: string): string => {
  const real = fs.realpathSync.native(prefix === "" ? "/" : prefix)
  if (!fs.statSync(real).isDirectory()) throw new DocumentError({ path: root, reason: { _tag: "NotAFolder" } })
  return real === "/" ? "" : real
}

const whereByProc = (fd: number): string => fs.readlinkSync(`/proc/self/fd/${fd}`)

/** What the name leads to, if that is still what was opened. */
const whereByName = (_fd: number, name: string, opened: fs.Stats): string => {
  const real = fs.realpathSync.native(name)
  const { dev, ino } = fs.statSync(real)
  return dev === opened.dev && ino === opened.ino ? real : ""
}
