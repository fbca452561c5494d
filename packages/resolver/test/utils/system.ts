import * as childProcess from "node:child_process"
import * as fs from "node:fs"
import * as os from "node:os"
import * as path from "node:path"
import { fileURLToPath } from "node:url"
import type { Reply, Request } from "./ask.ts"

const ask = fileURLToPath(new URL("ask.ts", import.meta.url))
const cli = fileURLToPath(new URL("../../src/cli.ts", import.meta.url))

const run = (command: string, args: ReadonlyArray<string>) => {
  const { error, status, stderr, stdout } = childProcess.spawnSync(command, args, { encoding: "utf8", timeout: 30_000 })
  return { status, stderr: stderr + (error?.message ?? ""), stdout }
}

const replies = ({ stderr, stdout }: ReturnType<typeof run>): ReadonlyArray<Reply> => {
  if (stderr !== "") throw new Error(stderr)
  return JSON.parse(stdout)
}

/** Files of the system, by their name in `/etc`. Each must end with a newline, or the C library drops its last line. */
export type SystemFiles = Readonly<Record<string, string>>

// Mounts each file over its namesake and runs the rest of the arguments, in namespaces of its own, where the loopback is
// the whole network.
const mountAndRun = `ip link set lo up || exit 98
for file in "$1"/*; do mount --bind "$file" "/etc/$(basename "$file")" || exit 99; done
shift
exec "$@"`

const withFiles = (files: SystemFiles, args: ReadonlyArray<string>) => {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), "resolver-"))
  try {
    for (const [name, text] of Object.entries(files)) fs.writeFileSync(path.join(folder, name), text)
    return run("unshare", ["-rmn", "sh", "-c", mountAndRun, "sh", folder, ...args])
  } finally {
    fs.rmSync(folder, { recursive: true })
  }
}

/** Whether this system lets a process see files of its own in `/etc`, and a network of its own. */
export const canMount =
  process.platform === "linux" &&
  withFiles({ hosts: "", "nsswitch.conf": "", "resolv.conf": "", "host.conf": "" }, ["true"]).status === 0

/** Asks in a process that sees these files in place of the system's. */
export const askWith = (files: SystemFiles, request: Request): ReadonlyArray<Reply> =>
  replies(withFiles(files, [process.execPath, ask, JSON.stringify(request)]))

/** Asks in a process that may open few files. */
export const askWithLimit = (limit: number, request: Request): ReadonlyArray<Reply> =>
  replies(run("sh", ["-c", `ulimit -n ${limit}; exec "$@"`, "sh", process.execPath, ask, JSON.stringify(request)]))

/** {@link askWithLimit} while this process goes on. */
export const askWithLimitAsync = (limit: number, request: Request): Promise<ReadonlyArray<Reply>> =>
  new Promise((resolve, reject) => {
    const args = ["-c", `ulimit -n ${limit}; exec "$@"`, "sh", process.execPath, ask, JSON.stringify(request)]
    childProcess.execFile("sh", args, { timeout: 30_000 }, (error, stdout, stderr) =>
      error === null ? resolve(JSON.parse(stdout)) : reject(new Error(stderr, { cause: error }))
    )
  })

/** Runs the command line. */
export const command = (...args: ReadonlyArray<string>) => run(process.execPath, [cli, ...args])

/** Runs the command line in a shell, with arguments, pipes and files as the shell has them. */
export const commandLine = (line: string) => run("sh", ["-c", `"$0" "$1" ${line}`, process.execPath, cli])

/** Runs the command line while this process goes on. */
export const commandAsync = (...args: ReadonlyArray<string>) =>
  new Promise<ReturnType<typeof run>>((resolve) => {
    childProcess.execFile(process.execPath, [cli, ...args], { timeout: 30_000 }, (error, stdout, stderr) =>
      resolve({ status: error === null ? 0 : Number(error.code), stderr, stdout })
    )
  })
