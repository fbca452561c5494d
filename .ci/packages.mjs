/**
 * Holds what is published: packs the four packages as they were built, looks at the tarballs, and uses them in an empty
 * folder outside the workspace, on both ends of the range of Node. Needs npm and its registry.
 */
import { execFileSync, spawn } from "node:child_process"
import * as fs from "node:fs"
import * as os from "node:os"
import * as path from "node:path"

const names = ["ipaddr", "resolver", "socket", "http09"]
const nodes = ["24", "26"]

const root = path.join(import.meta.dirname, "..")
const folder = fs.mkdtempSync(path.join(os.tmpdir(), "packages-"))
process.on("exit", () => fs.rmSync(folder, { recursive: true, force: true }))

const run = (command, args, options = {}) =>
  execFileSync(command, args, { encoding: "utf8", stdio: ["ignore", "pipe", "pipe"], ...options })

const check = (holds, what) => {
  if (!holds) throw new Error(what)
}

/** The tarball of a package. */
const pack = (name) => {
  const cwd = path.join(root, "packages", name)
  run("npx", ["--yes", "pnpm@12", "pack", "--pack-destination", folder], { cwd })
  return path.join(
    folder,
    fs.readdirSync(folder).find((file) => file.endsWith(".tgz") && file.includes(`-${name}-`))
  )
}

/** Its public modules, as they are imported. */
const modulesOf = (name) =>
  fs
    .readdirSync(path.join(root, "packages", name, "src"))
    .filter((file) => file.endsWith(".ts") && file !== "cli.ts")
    .map((file) => (file === "index.ts" ? "." : file.slice(0, -".ts".length)))

/** Looks at a tarball: its fields, its types as compilers find them, and that all that it leads to is there. */
const inspect = (name, tarball) => {
  const bin = (program) => path.join(root, "node_modules/.bin", program)
  run(bin("publint"), ["run", tarball, "--strict"])
  run(bin("attw"), [tarball, "--profile", "esm-only", "--format", "ascii", "--entrypoints", ...modulesOf(name)])
  const files = new Set(run("tar", ["tzf", tarball]).split("\n"))
  for (const file of ["README.md", "LICENSE", "package.json"]) check(files.has(`package/${file}`), `${name}: ${file}`)
  for (const file of files) check(!/\.(test|tsbuildinfo)|node_modules|\/test\//.test(file), `${name}: ${file}`)
  const unpacked = path.join(folder, name)
  fs.mkdirSync(unpacked)
  run("tar", ["xzf", tarball, "-C", unpacked])
  for (const file of files) {
    if (!file.endsWith(".map")) continue
    const { sources } = JSON.parse(fs.readFileSync(path.join(unpacked, file), "utf8"))
    for (const source of sources) check(files.has(path.posix.join(path.dirname(file), source)), `${file}: ${source}`)
  }
  const { keywords, license, publishConfig } = JSON.parse(
    fs.readFileSync(path.join(unpacked, "package/package.json"), "utf8")
  )
  check(keywords.length > 0 && license === "MIT" && publishConfig.access === "public", `${name}: package.json`)
}

/** Runs the command in an application: it serves its site and gets it, from one process and from two. */
const serve = async (cwd, node, workers) => {
  const server = spawn("npx", ["http09", "serve", "--port", "0", "--workers", workers], {
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
      server.on("exit", () => reject(new Error(`http09 serve ended on Node ${node}: ${text}`)))
    })
    const page = run("npx", ["http09", "get", "127.0.0.1", port, "/"], { cwd })
    const site = fs.readFileSync(path.join(root, "packages/http09/site/index.html"), "utf8")
    check(page === site, `http09 get on Node ${node}`)
  } finally {
    process.kill(-server.pid, "SIGTERM")
  }
}

/** An application with the tarballs and a Node of its own. */
const application = async (node, tarballs) => {
  const cwd = path.join(folder, `node-${node}`)
  fs.mkdirSync(cwd)
  fs.writeFileSync(path.join(cwd, "package.json"), JSON.stringify({ private: true, type: "module" }))
  run("npm", ["install", "--no-audit", "--no-fund", "--loglevel", "error", `node@${node}`, ...tarballs], { cwd })
  const bin = path.join(cwd, "node_modules/.bin/node")
  check(run(bin, ["--version"]).startsWith(`v${node}.`), `Node ${node}`)
  const specifiers = names.flatMap((name) =>
    modulesOf(name).map((module) => path.posix.join("@effect-sockets", name, module))
  )
  run(bin, ["--input-type=module", "-e", specifiers.map((one) => `await import("${one}")`).join("\n")], { cwd })
  const { version } = JSON.parse(fs.readFileSync(path.join(root, "packages/http09/package.json"), "utf8"))
  check(run("npx", ["http09", "--version"], { cwd }).includes(version), `http09 --version on Node ${node}`)
  await serve(cwd, node, "1")
  await serve(cwd, node, "2")
  return specifiers.length
}

const tarballs = names.map(pack)
for (const [index, name] of names.entries()) inspect(name, tarballs[index])
for (const node of nodes) {
  const count = await application(node, tarballs)
  console.log(`${names.length} packages, ${count} modules and the command work on Node ${node}`)
}
