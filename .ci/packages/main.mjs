/**
 * Holds what is published: packs the four packages as they were built, looks at the tarballs, and uses them in empty
 * folders outside the workspace: by npm and pnpm, on both ends of the range of Node and of effect, by two compilers and
 * two bundlers. Needs npm and its registry.
 */
import * as fs from "node:fs"
import * as path from "node:path"
import { bundles } from "./bundlers.mjs"
import {
  application,
  check,
  copyPrograms,
  folder,
  modulesOf,
  names,
  pack,
  root,
  run,
  serve,
  specifiers
} from "./common.mjs"
import { compilers } from "./compilers.mjs"

const nodes = ["24", "26"]

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

/** Everything can be imported, and the smallest server answers: plain JavaScript, since Node takes the types away. */
const use = (cwd, node) => {
  run(node, ["--input-type=module", "-e", specifiers.map((one) => `await import("${one}")`).join("\n")], { cwd })
  check(run(node, ["-p", `typeof require("@effect-sockets/socket").Server.serve`], { cwd }) === "function\n", "require")
  copyPrograms(cwd)
  check(run(node, ["echo.ts"], { cwd }) === "hello\n", `echo in ${cwd}`)
}

/** An application with the tarballs and a Node and an effect of its own. */
const onNode = async (node, effect, tarballs) => {
  const cwd = application(`node-${node}`, [...tarballs, `node@${node}`, `effect@${effect}`])
  const bin = path.join(cwd, "node_modules/.bin/node")
  check(run(bin, ["--version"]).startsWith(`v${node}.`), `Node ${node}`)
  use(cwd, bin)
  const { version } = JSON.parse(fs.readFileSync(path.join(root, "packages/http09/package.json"), "utf8"))
  check(run("npx", ["http09", "--version"], { cwd }).includes(version), `http09 --version on Node ${node}`)
  for (const workers of ["1", "2"]) await serve(cwd, ["npx", "http09"], "--workers", workers)
  console.log(`packages: ${specifiers.length} modules and the command work on Node ${node} with effect ${effect}`)
}

/** Without the package that brings what others want: what is optional is missed where it is used, and nowhere else. */
const alone = (tarballs) => {
  const cwd = application("alone", [...tarballs.filter((file) => !file.includes("-http09-")), "effect@latest"])
  const imports = specifiers
    .filter((one) => !one.includes("/http09"))
    .map((one) => `await import("${one}").catch((error) => missing.push("${one}: " + error.message.split("'")[1]))`)
  const script = ["const missing = []", ...imports, "console.log(missing.join())"].join("\n")
  const missing = run("node", ["--input-type=module", "-e", script], { cwd }).trim()
  check(missing === "@effect-sockets/socket/NodeDatagram: @effect/platform-node", `without http09: ${missing}`)
  console.log("packages: without http09 only the optional peer is missed")
}

/** pnpm keeps what is not declared out of reach, so an import of something undeclared fails here. */
const byPnpm = (tarballs) => {
  const cwd = path.join(folder, "pnpm")
  fs.mkdirSync(cwd)
  const files = Object.fromEntries(names.map((name, index) => [`@effect-sockets/${name}`, `file:${tarballs[index]}`]))
  fs.writeFileSync(
    path.join(cwd, "package.json"),
    JSON.stringify({ private: true, type: "module", dependencies: files })
  )
  fs.writeFileSync(path.join(cwd, "pnpm-workspace.yaml"), JSON.stringify({ overrides: files }))
  run("npx", ["--yes", "pnpm@12", "add", "effect@latest"], { cwd })
  use(cwd, path.join(root, "node_modules/.bin/node"))
  console.log("packages: they work where pnpm installed them")
}

/** The oldest and the newest effect that the packages say they work with. */
const effects = () => {
  const { peerDependencies } = JSON.parse(fs.readFileSync(path.join(root, "packages/socket/package.json"), "utf8"))
  const versions = JSON.parse(run("npm", ["view", `effect@${peerDependencies.effect}`, "version", "--json"]))
  return Array.isArray(versions) ? [versions[0], versions.at(-1)] : [versions, versions]
}

const tarballs = names.map(pack)
for (const [index, name] of names.entries()) inspect(name, tarballs[index])
const ends = effects()
for (const [index, node] of nodes.entries()) await onNode(node, ends[index], tarballs)
alone(tarballs)
byPnpm(tarballs)
compilers(tarballs)
bundles(tarballs)
