/** A real haproxy on the loopback. */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import * as childProcess from "node:child_process"
import * as fs from "node:fs"
import * as net from "node:net"
import * as os from "node:os"
import * as path from "node:path"

/** A port of the loopback that nobody has. */
export const freePort = Effect.callback<number>((resume) => {
  const server = net.createServer().listen(0, "127.0.0.1", () => {
    const address = server.address()
    server.close(() => resume(Effect.succeed(typeof address === "object" && address !== null ? address.port : 0)))
  })
})

/** A folder that is gone when the scope closes. */
export const folder: Effect.Effect<string, never, Scope.Scope> = Effect.acquireRelease(
  Effect.sync(() => fs.mkdtempSync(path.join(os.tmpdir(), "haproxy-"))),
  (folder) => Effect.sync(() => fs.rmSync(folder, { recursive: true }))
)

/** A key with its own certificate for `sni.test`, in one file. */
export const makeCertificate = (folder: string): string => {
  const file = path.join(folder, "certificate.pem")
  const request = "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=sni.test"
  childProcess.execFileSync("openssl", [...request.split(" "), "-keyout", `${file}.key`, "-out", file], {
    stdio: "ignore"
  })
  fs.appendFileSync(file, fs.readFileSync(`${file}.key`))
  return file
}

/** Runs haproxy with one section until the scope closes. It listens when this returns. */
export const start = Effect.fnUntraced(function* (
  folder: string,
  ...section: ReadonlyArray<string>
): Effect.fn.Return<void, never, Scope.Scope> {
  const file = path.join(folder, "haproxy.cfg")
  const timeouts = ["timeout connect 5s", "timeout client 5s", "timeout server 5s"]
  yield* Effect.acquireRelease(
    Effect.callback<childProcess.ChildProcess>((resume) => {
      fs.writeFileSync(file, [...section, ...timeouts, ""].join("\n"))
      // As master and worker, because only the master says when it listens.
      const child = childProcess.spawn("haproxy", ["-W", "-db", "-f", file], { stdio: ["ignore", "ignore", "pipe"] })
      let said = ""
      child.stderr.on("data", (chunk) => {
        said += String(chunk)
        if (said.includes("Loading success")) resume(Effect.succeed(child))
      })
      child.once("close", () => resume(Effect.die(new Error(said))))
    }),
    (child) =>
      Effect.callback<void>((resume) => {
        if (child.exitCode !== null || child.signalCode !== null) return resume(Effect.void)
        child.once("close", () => resume(Effect.void))
        child.kill()
      })
  )
})
