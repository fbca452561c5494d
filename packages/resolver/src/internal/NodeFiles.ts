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

export const hosts = (path = `${etc}/hosts`) => Effect.map(read(path), HostsFile.parse)

export const services = (path = `${etc}/services`) => Effect.map(read(path), Servent.parse)
