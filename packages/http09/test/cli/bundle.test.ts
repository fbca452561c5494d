import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as fs from "node:fs"
import * as path from "node:path"
import { temporary } from "../utils/folders.ts"
import { cli, packageFolder, start } from "../utils/processes.ts"
import { exchange } from "../utils/raw.ts"
import { isAlive, workersOf } from "../utils/workers.ts"

const limit = 60_000

/** The package as it is published, with the command in one file and no other code. */
const published = Effect.tap(temporary, (folder) =>
  Effect.sync(() => {
    fs.cpSync(cli, path.join(folder, "dist/http09.js"))
    for (const name of ["package.json", "site"]) {
      fs.cpSync(path.join(packageFolder, name), path.join(folder, name), { recursive: true })
    }
  })
)

const bundle = Effect.map(published, (folder) => path.join(folder, "dist/http09.js"))

const run = (file: string, ...args: ReadonlyArray<string>) => start(process.execPath, [file, ...args])

describe.each([
  ["in one file", bundle],
  ["in a checkout", Effect.succeed(path.join(packageFolder, "src/cli.ts"))]
] as const)("the command %s", (_, command) => {
  it.live(
    "knows its version and its help, serves its site alone and from workers, and gets it",
    () =>
      Effect.gen(function* () {
        const file = yield* command
        const { version } = JSON.parse(fs.readFileSync(path.join(packageFolder, "package.json"), "utf8"))
        assert.include((yield* (yield* run(file, "--version")).ended).stdout.toString(), version)
        assert.include((yield* (yield* run(file, "--help")).ended).stdout.toString(), "serve")
        const picture = fs.readFileSync(path.join(packageFolder, "site/sockets.png"))
        for (const workers of [[], ["--workers", "2", "--metrics", "0"]]) {
          const server = yield* run(file, "serve", "--port", "0", ...workers)
          const port = /server on port (\d+)/.exec(yield* server.until(/server on port \d+\n/))?.[1] ?? ""
          const pids = [...workersOf(server.pid).values()]
          assert.strictEqual(pids.length, workers.length === 0 ? 0 : 2)
          assert.isTrue((yield* exchange(Number(port), "GET /sockets.png\r\n")).bytes.equals(picture))
          const got = yield* (yield* run(file, "get", `http://127.0.0.1:${port}/sockets.png`)).ended
          assert.isTrue(got.stdout.equals(picture))
          server.child.kill("SIGTERM")
          const ended = yield* server.ended
          assert.deepStrictEqual([ended.status, ended.stderr, pids.filter(isAlive)], [0, "", []])
        }
      }).pipe(Effect.scoped),
    limit
  )

  it.live(
    "writes nothing into the user's folder",
    () =>
      Effect.gen(function* () {
        const home = yield* temporary
        const ended = yield* (yield* start(process.execPath, [yield* command, "--version"], {
          env: { HOME: home, XDG_CACHE_HOME: undefined, NODE_COMPILE_CACHE: undefined }
        })).ended
        assert.deepStrictEqual([ended.status, fs.readdirSync(home)], [0, []])
      }).pipe(Effect.scoped),
    limit
  )
})
