/** What the parts of the check of the packages share. */
import { execFileSync, spawn } from "node:child_process"
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

/** The tarball of a package, as it was built. */
export const pack = (name) => {
  const cwd = path.join(root, "packages", name)
  run("npx", ["--yes", "pnpm@12", "pack", "--pack-destination", folder], { cwd })
  return path.join(
    folder,
    fs.readdirSync(folder).find((file) => file.endsWith(".tgz") && file.includes(`-${name}-`))
  )
}

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

/** The command in an application, however it is started there: it serves its site, and gets it. */
export const serve = async (cwd, [command, ...args], ...options) => {
  const server = spawn(command, [...args, "serve", "--port", "0", ...options], {
    cwd,
    detached: true,
    stdio: ["ignore", "pipe", "inherit"]
  })
  try {
    const port = await new Promise((resolve, reject) => {
      let text = ""
      server.stdout.on("data", (chunk) => {
        text += String(chunk)
        const found = /on port (\d+)\n/.exec(text)
        if (found) resolve(found[1])
      })
      server.on("exit", () => reject(new Error(`${command} serve ended in ${cwd}: ${text}`)))
    })
    const page = run(command, [...args, "get", "127.0.0.1", port, "/"], { cwd })
    const site = fs.readFileSync(path.join(root, "packages/http09/site/index.html"), "utf8")
    check(page === site, `${command} get in ${cwd}`)
  } finally {
    process.kill(-server.pid, "SIGTERM")
  }
}
