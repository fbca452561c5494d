/** Folders of a test's own, and the files of sockets in them. */
import * as Effect from "effect/Effect"
import { spawn } from "node:child_process"
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"

/** A folder that is gone with the scope. */
export const folder = Effect.acquireRelease(
  Effect.sync(() => mkdtempSync(join(tmpdir(), "effect-sockets-"))),
  (path) => Effect.sync(() => rmSync(path, { recursive: true, force: true }))
)

/** A path in a folder of its own. */
export const somePath = Effect.map(folder, (folder) => join(folder, "socket"))

/** Leaves the file of a socket behind, as a process does that is killed. */
export const leaveStale = (path: string): Effect.Effect<void> =>
  Effect.callback((resume) => {
    const script = `require("node:net").createServer().listen(process.argv[1], () => process.stdout.write("up"))`
    const child = spawn(process.execPath, ["-e", script, path], { stdio: ["ignore", "pipe", "inherit"] })
    child.stdout.once("data", () => child.kill("SIGKILL"))
    child.once("close", () => resume(Effect.void))
  })
