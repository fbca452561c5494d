import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { execFile, spawn } from "node:child_process"
import { readFileSync } from "node:fs"
import * as Net from "node:net"
import { fileURLToPath } from "node:url"
import { plainServer } from "../utils/plain.ts"

const fixture = (name: string): string => fileURLToPath(new URL(`../fixtures/${name}.ts`, import.meta.url))

/** What a command prints; dies with its error output if it fails. */
const output = (command: string, ...args: ReadonlyArray<string>): Effect.Effect<string> =>
  Effect.callback((resume) => {
    const child = execFile(command, args, (error, stdout, stderr) =>
      resume(error === null ? Effect.succeed(stdout.trim()) : Effect.die(new Error(stderr)))
    )
    return Effect.sync(() => void child.kill())
  })

/** The first port that anybody may open. */
const unprivileged = (): number => {
  try {
    return Number(readFileSync("/proc/sys/net/ipv4/ip_unprivileged_port_start", "utf8"))
  } catch {
    return 1024
  }
}

describe("what the system does not allow", () => {
  it.live.runIf(process.getuid?.() === 0 && unprivileged() > 80)(
    "a privileged port is PermissionDenied to who is not root (needs root)",
    () =>
      Effect.gen(function* () {
        assert.strictEqual(
          yield* output(process.execPath, fixture("privileged")),
          "listen 127.0.0.1:80: permission denied"
        )
      }),
    30_000
  )

  it.live(
    "out of descriptors, open says so, and a server at its default bound does not get there",
    () =>
      Effect.gen(function* () {
        const { port } = yield* plainServer()
        const command = `ulimit -n 96 && exec "${process.execPath}" "${fixture("descriptors")}" ${port}`
        assert.deepStrictEqual(JSON.parse(yield* output("sh", "-c", command)), {
          attempt: "connect 127.0.0.1: out of file descriptors",
          // Half of 96 without the 32 that the process keeps for itself.
          capacity: 32,
          // Each with a file for its handler, and a sixth of all for those that wait.
          connections: 26
        })
      }),
    30_000
  )

  it.live(
    "of 640 clients of a server with 512 descriptors, nobody sees an end of input without a byte",
    () =>
      Effect.gen(function* () {
        const command = `ulimit -n 512 && exec "${process.execPath}" "${fixture("flooded")}"`
        const child = yield* Effect.acquireRelease(
          Effect.sync(() => spawn("sh", ["-c", command], { stdio: ["pipe", "pipe", "inherit"] })),
          (child) => Effect.sync(() => void child.kill())
        )
        const port = yield* Effect.callback<number>((resume) => {
          child.stdout.once("data", (chunk: Buffer) => resume(Effect.succeed(Number(chunk))))
        })
        const clients = Array.from({ length: 640 }, () => {
          const seen = { bytes: 0, end: "none" }
          const socket = Net.connect({ port, host: "127.0.0.1" })
          socket.on("connect", () => socket.write("one\n"))
          socket.on("data", (chunk) => (seen.bytes += chunk.length))
          socket.on("end", () => (seen.end = "FIN"))
          socket.on("error", () => (seen.end = "RST"))
          return { seen, socket }
        })
        yield* Effect.sleep(1500)
        for (const { socket } of clients) socket.destroy()
        const count = (is: (seen: { readonly bytes: number; readonly end: string }) => boolean) =>
          clients.filter(({ seen }) => is(seen)).length
        assert.strictEqual(
          count(({ end }) => end === "FIN"),
          0
        )
        // Half of 512 without the 32 that the process keeps for itself, without a sixth of all for those that wait.
        assert.strictEqual(
          count(({ bytes }) => bytes > 0),
          200
        )
        assert.isAtLeast(
          count(({ bytes, end }) => bytes === 0 && end === "none"),
          80
        )
      }).pipe(Effect.scoped),
    30_000
  )
})
