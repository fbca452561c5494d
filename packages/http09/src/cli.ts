#!/usr/bin/env node
/**
 * The command `http09`, in `cli/main.ts`: compiled once, not at each start, which takes half as long. Node would keep the
 * code in a folder for temporary files, where others can put theirs; here it is the user's own. If that cannot be written,
 * everything works as without.
 */
import { enableCompileCache } from "node:module"
import * as os from "node:os"
import * as path from "node:path"

/** Nothing where the user is nobody that the system knows. */
const home = (): string => {
  try {
    return os.homedir()
  } catch {
    return ""
  }
}

// The XDG specification wants relative paths ignored; one would be a folder of where the user just stands.
const cache = [process.env.XDG_CACHE_HOME ?? "", path.join(home(), ".cache")].find((folder) => path.isAbsolute(folder))
if (cache !== undefined) enableCompileCache(path.join(cache, "http09"))
await import("./cli/main.ts")
