/** A folder with a file for each message. */
import { Clock, Effect } from "effect"
import * as FileSystem from "effect/FileSystem"
import type { Mail } from "./Session.ts"

/** A file appears under its last name when all of it is on the disk: whoever looks finds whole messages only. */
export const keep = (folder: string) =>
  Effect.fnUntraced(function* ({ content }: Mail) {
    const fs = yield* FileSystem.FileSystem
    const name = `${folder}/${yield* Clock.currentTimeMillis}-${crypto.randomUUID()}`
    yield* Effect.scoped(
      Effect.gen(function* () {
        const file = yield* fs.open(`${name}.part`, { flag: "wx" })
        yield* file.writeAll(content)
        yield* file.sync
      })
    )
    yield* fs.rename(`${name}.part`, `${name}.eml`)
  })
