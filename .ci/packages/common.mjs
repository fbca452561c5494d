/** What the parts of the check of the packages share. */
import { execFileSync } from "node:child_process"
import * as fs from "node:fs"
import * as os from "node:os"
import * as path from "node:path"

export const names = ["ipaddr", "resolver", "socket", "http09"]

export const root = path.join(import.meta.dirname, "../..")

/** Everything is made in one folder outside the workspace, which is gone in the end. */
export const folder = fs.mkdtempSync(path.join(os.tmpdir(), "packages-"))
process.on("exit", () => fs.rmSync(folder, { recursive: true, force: true }))

/** Runs a command, and gives what it printed. What failed says what it printed, too. */
export const run = (command, args, options = {}) => {
  try {
    return execFileSync(command, args, { encoding: "utf8", stdio: ["ignore", "pipe", "pipe"], ...options })
  } catch (error) {
    throw new Error(`${command} ${args.slice(0, 4).join(" ")}\n${error.stdout ?? ""}${error.stderr ?? ""}`, {
      cause: error
    })
  }
}

export const check = (holds, what) => {
  if (!holds) throw new Error(what)
}

/** The public modules of a package, as they are imported. */
export const modulesOf = (name) =>
  fs
    .readdirSync(path.join(root, "packages", name, "src"))
    .filter((file) => file.endsWith(".ts") && file !== "cli.ts")
    .map((file) => (file === "index.ts" ? "." : file.slice(0, -".ts".length)))

export const specifiers = names.flatMap((name) =>
  modulesOf(name).map((module) => path.posix.join("@effect-sockets", name, module))
)

/** An empty application with some packages in it. */
export const application = (name, packages) => {
  const cwd = path.join(folder, name)
  fs.mkdirSync(cwd)
  fs.writeFileSync(path.join(cwd, "package.json"), JSON.stringify({ private: true, type: "module" }))
  run("npm", ["install", "--no-audit", "--no-fund", "--loglevel", "error", ...packages], { cwd })
  return cwd
}

/** Copies the programs that use the packages into an application. */
export const copyPrograms = (cwd) => fs.cpSync(path.join(import.meta.dirname, "programs"), cwd, { recursive: true })
