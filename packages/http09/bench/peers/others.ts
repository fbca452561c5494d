/**
 * Peers that are other programs: `others.ts nginx FOLDER`, `others.ts http09 FOLDER` (the command with its log to nowhere),
 * `others.ts workers FOLDER` (two processes of `ours.ts` on one port).
 */
import { type ChildProcess, spawn } from "node:child_process"
import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import * as path from "node:path"
import { fileURLToPath } from "node:url"
import { freePort, untilAnswered } from "../ports.ts"
import { ready } from "./ready.ts"

const [program, folder] = process.argv.slice(2)

const here = (name: string): string => fileURLToPath(new URL(name, import.meta.url))

/** One process is enough to compare with, and is all there is to end. */
const nginxConf = (home: string, port: number): string => `
  daemon off; master_process off; pid ${home}/pid; error_log stderr;
  events { worker_connections 4096; }
  http {
    access_log off; sendfile on;
    ${["client_body", "proxy", "fastcgi", "uwsgi", "scgi"].map((use) => `${use}_temp_path ${home}/${use};`).join(" ")}
    server { listen 127.0.0.1:${port} backlog=1024; root ${folder}; }
  }`

const port = await freePort()
const home = mkdtempSync(path.join(tmpdir(), "bench-peer-"))

const start = (command: string, ...args: ReadonlyArray<string>): ChildProcess =>
  spawn(command, args, { stdio: ["pipe", "ignore", "inherit"] })

const starts: Record<string, () => Array<ChildProcess>> = {
  nginx: () => {
    writeFileSync(`${home}/nginx.conf`, nginxConf(home, port))
    return [start("nginx", "-p", home, "-c", `${home}/nginx.conf`)]
  },
  http09: () => [start(process.execPath, here("../../src/cli.ts"), "serve", folder, "--port", String(port))],
  workers: () => [1, 2].map(() => start(process.execPath, here("ours.ts"), "file", folder, String(port)))
}

const children = starts[program]()
process.on("exit", () => {
  for (const child of children) child.kill()
  rmSync(home, { recursive: true })
})
for (const child of children) child.on("exit", () => process.exit(1))
await untilAnswered(port)
// The second of two workers may be a little later than the first.
if (children.length > 1) await new Promise((resolve) => setTimeout(resolve, 1000))
ready(
  port,
  children.map(({ pid }) => pid ?? 0)
)
