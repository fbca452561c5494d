/**
 * The hosts file and the services file of the system.
 */
import * as Effect from "effect/Effect"
import * as fs from "node:fs/promises"
import * as HostsFile from "../HostsFile.ts"
import * as Servent from "../Servent.ts"
import * as NodeErrors from "./NodeErrors.ts"

const etc =
  process.platform === "win32" ? `${process.env["SystemRoot"] ?? "C:\\Windows"}\\System32\\drivers\\etc` : "/etc"

// A file that cannot be read is an empty file, but for want of a descriptor nothing is known of it.
const read = (path: string) =>
  NodeErrors.attempt((signal) => fs.readFile(path, { encoding: "utf8", signal })).pipe(
    Effect.catchIf(
      ({ reason }) => reason._tag === "Unknown",
      () => Effect.succeed("")
    )
  )

/**
 * The lines of a hosts file, read again only when the file has changed: it may be long, as files that block advertisers
 * are, and whoever connects to a name asks for it.
 */
export const hosts = (path = `${etc}/hosts`) => {
  let version: string | undefined
  let lines: ReadonlyArray<HostsFile.HostsLine> = []
  return Effect.gen(function* () {
    const now = yield* versionOf(path)
    if (now === undefined || now !== version) {
      lines = HostsFile.parse(yield* read(path))
      version = now
    }
    return lines
  })
}

const versionOf = (path: string): Effect.Effect<string | undefined> =>
  Effect.promise(() =>
    fs.stat(path, { bigint: true }).then(
      // Deno tells the one in seconds and the other in milliseconds.
      ({ ctimeNs, ino, mtimeNs, size }) => `${ino} ${size} ${ctimeNs} ${mtimeNs}`,
      () => undefined
    )
  )

export const services = (path = `${etc}/services`) => Effect.map(read(path), Servent.parse)
