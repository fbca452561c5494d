import { assert, describe } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { execFileSync } from "node:child_process"
import { temporary, write } from "../utils/folders.ts"
import { serving } from "../utils/processes.ts"
import { needs, title } from "../utils/programs.ts"

const bytes = Buffer.from(Uint8Array.from({ length: 200_000 }, (_, index) => (index * 31) % 256))
const files = { "index.html": "<p>Hello\n", "a b.txt": "spaces\n", bytes, "folder/index.html": "folder\n" }
const limit = 30_000

const folderOf = Effect.tap(temporary, (folder) => write(folder, files))

describe("the server answers", () => {
  needs("curl")(
    title("curl", "curl --http0.9, byte by byte"),
    () =>
      Effect.gen(function* () {
        const { port } = yield* serving([yield* folderOf])
        const curl = (target: string): Buffer =>
          execFileSync("curl", ["--silent", "--show-error", "--http0.9", `http://127.0.0.1:${port}${target}`])
        assert.strictEqual(Buffer.compare(curl("/bytes"), bytes), 0)
        assert.strictEqual(curl("/a%20b.txt?query").toString(), "spaces\n")
        assert.strictEqual(curl("/folder").toString(), "folder\n")
      }),
    limit
  )

  needs("curl")(
    title("curl", "curl through it as through a proxy, with an absolute address"),
    () =>
      Effect.gen(function* () {
        const { port } = yield* serving([yield* folderOf])
        const proxy = ["--silent", "--http0.9", "--proxy", `http://127.0.0.1:${port}`]
        const answer = execFileSync("curl", [...proxy, "http://example.org/folder/"])
        assert.strictEqual(answer.toString(), "folder\n")
      }),
    limit
  )

  needs("ncat")(
    title("ncat", "ncat, in both dialects and at the end of input"),
    () =>
      Effect.gen(function* () {
        const { port } = yield* serving([yield* folderOf])
        const ncat = (input: string): Buffer => execFileSync("ncat", ["127.0.0.1", String(port)], { input })
        assert.strictEqual(ncat("GET /\r\n").toString(), "<p>Hello\n")
        assert.strictEqual(ncat("GET /a b.txt HTTP/0.9\n\n").toString(), "spaces\n")
        assert.strictEqual(ncat("GET /missing\n").toString(), "HTTP/0.9 401 Not found.\n")
        assert.strictEqual(Buffer.compare(ncat("GET /bytes"), bytes), 0)
      }),
    limit
  )
})
