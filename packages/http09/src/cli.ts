#!/usr/bin/env node
/**
 * The command `http09`, in `cli/main.ts`: compiled once, not at each start, which takes half as long. Node would keep the
 * code in a folder for temporary files, where others can put theirs; here it is the user's own. If that cannot be written,
 * everything works as without.
 */
import { enableCompileCache } from "node:module"
import * as os from "node:os"
import * as path from "node:path"

enableCompileCache(path.join(process.env.XDG_CACHE_HOME ?? path.join(os.homedir(), ".cache"), "http09"))
await import("./cli/main.ts")
