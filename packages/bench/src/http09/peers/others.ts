/**
 * Peers that are other programs: `others.ts nginx FOLDER`, `others.ts http09 FOLDER` (the command with its log to nowhere),
 * `others.ts workers FOLDER` (the command with two workers), `others.ts redis FOLDER` (redis-server, without its file).
 */
import { type ChildProcess, spawn } from "node:child_process"
import { mkdtempSync, writeFileSync } from "node:fs"
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
// Beside the documents, in the folder that the benchmark removes at its end.
const home = mkdtempSync(path.join(folder, "../peer-"))

const start = (command: string, ...args: ReadonlyArray<string>): ChildProcess =>
  spawn(command, args, { stdio: ["pipe", "ignore", "inherit"] })

const http09 = (...flags: ReadonlyArray<string>): ChildProcess =>
  start(process.execPath, here("../../../../http09/src/cli.ts"), "serve", folder, "--port", String(port), ...flags)

const starts: Record<string, () => ChildProcess> = {
  nginx: () => {
    writeFileSync(`${home}/nginx.conf`, nginxConf(home, port))
    return start("nginx", "-p", home, "-c", `${home}/nginx.conf`)
  },
  http09: () => http09(),
  workers: () => http09("--workers", "2"),
  redis: () => start("redis-server", "--port", String(port), "--bind", "127.0.0.1", "--save", "", "--dir", home)
}

const child = starts[program]()
process.on("exit", () => child.kill())
child.on("exit", () => process.exit(1))
await untilAnswered(port)
// The second of two workers may be a little later than the first.
if (program === "workers") await new Promise((resolve) => setTimeout(resolve, 1000))
ready(port, child.pid)
