/**
 * Holds what is claimed of other runtimes: runs what `claims.mjs` names on Bun and on Deno, and compares what came out
 * with docs/runtimes.md. With `--write` it writes the table there. A claim that fails fails this, and so does a lack that
 * is gone. The packages must have been built. Needs npm and its registry.
 */
import { execFile } from "node:child_process"
import * as fs from "node:fs"
import * as path from "node:path"
import { application, folder, names, pack, root, serve } from "../packages/common.mjs"
import { claims } from "./claims.mjs"

const versions = { bun: "1.4.5", deno: "2.9.6" }
const titles = { bun: "Bun", deno: "Deno" }
const page = path.join(root, "docs/runtimes.md")
const vitest = path.join(root, "node_modules/vitest/vitest.mjs")
/** Milliseconds for all tests of one kind on one runtime. */
const limit = 300_000

const cwd = application("runtimes", [
  ...names.map(pack),
  ...Object.entries(versions).map(([name, version]) => `${name}@${version}`)
])
fs.cpSync(path.join(import.meta.dirname, "programs"), cwd, { recursive: true })
fs.copyFileSync(path.join(root, "packages/socket/test/utils/certificates.ts"), path.join(cwd, "certificates.ts"))
const bin = (name) => path.join(cwd, "node_modules/.bin", name)
// Tests start commands by the path of the runtime alone, and scripts as Node does.
const denoRun = path.join(cwd, "deno-run")
const denoScript = `#!/bin/sh
if [ "$1" != -e ]; then exec ${bin("deno")} run -A "$@"; fi
script=$2
shift 2
exec ${bin("deno")} eval --ext=cjs "process.argv.splice(1, 1); $script" "$@"
`
fs.writeFileSync(denoRun, denoScript, { mode: 0o755 })

/**
 * How each runs programs, commands of packages, and tests, and how what tests start is run by it. Bun's `fork` lacks what
 * Vitest wants of it: a thread, and one, since tests count what their process has open.
 */
const runtimes = {
  bun: {
    run: [bin("bun")],
    command: [bin("bun"), "x", "--bun", "http09"],
    inside: [bin("bun"), "--bun", vitest],
    pool: ["--pool", "threads", "--maxWorkers", "1"],
    starts: bin("bun")
  },
  deno: {
    run: [denoRun],
    command: [denoRun, "npm:@effect-sockets/http09"],
    inside: [denoRun, vitest],
    pool: [],
    starts: denoRun
  }
}

/** What a program prints, which has to end well. */
const output = (command, args, options) =>
  new Promise((resolve, reject) => {
    const limits = { ...options, timeout: limit, killSignal: "SIGKILL", maxBuffer: 1e8 }
    execFile(command, args, limits, (error, stdout, stderr) =>
      error ? reject(new Error(`${command} ${args.slice(0, 4).join(" ")}\n${stdout}${stderr}`)) : resolve(stdout)
    )
  })

const traces = await output(process.execPath, ["seeds.mjs"], { cwd })

/** The results of the packages as they are installed. */
const installed = async (name) => {
  const [command, ...args] = runtimes[name].run
  const program = (file) => output(command, [...args, file], { cwd })
  const lines = (await program("conformance.mjs")) + (await program("clients.mjs"))
  const all = lines
    .trim()
    .split("\n")
    .map((line) => ({ file: "installed", ...JSON.parse(line) }))
  const result = (test, message) =>
    all.push({ file: "installed", test, status: message ? "failed" : "passed", message })
  result("seeds", (await program("seeds.mjs")) === traces ? "" : "the traces are not those of Node")
  result("command", await serve(cwd, runtimes[name].command).then(() => "", String))
  return all
}

const filesOf = (claim) => {
  const below = path.join(root, claim.project === "examples" ? "" : "packages", claim.project)
  const wanted = new RegExp(claim.files)
  return fs
    .globSync("**/*.test.ts", { cwd: below, exclude: ["**/node_modules"] })
    .filter((file) => wanted.test(file))
    .map((file) => path.join(below, file))
}

/** The results of tests of the checkout, one by one: file, name and status. */
const results = async (name, starts) => {
  const { inside, pool, starts: started } = runtimes[name]
  const chosen = claims.filter((claim) => claim.files && (claim.starts ?? false) === starts)
  // Some hang, or come out now so, now so.
  const omitted = chosen.flatMap((claim) => claim.lacks?.[name]?.omits ?? []).map(({ source }) => source)
  const json = path.join(folder, `${name}-${starts}.json`)
  const config = path.join(import.meta.dirname, "vitest.config.mjs")
  const [command, ...first] = starts ? [process.execPath, vitest] : inside
  const args = [...first, "run", "--config", config, ...(starts ? [] : pool)]
  args.push("--reporter=json", `--outputFile=${json}`, ...new Set(chosen.flatMap(filesOf)))
  if (omitted.length > 0) args.push("-t", `^(?!.*(${omitted.join("|")}))`)
  // Vitest ends with an error where a test fails: what came out is in its file.
  const ended = await output(command, args, { cwd: root, env: { ...process.env, RUNTIME: started } }).catch(String)
  if (!fs.existsSync(json)) throw new Error(ended)
  const { testResults } = JSON.parse(fs.readFileSync(json, "utf8"))
  return testResults.flatMap((file) =>
    file.assertionResults.length === 0 && file.status === "failed"
      ? [{ file: file.name, test: "", status: "failed", message: file.message }]
      : file.assertionResults.map((one) => ({
          file: file.name,
          test: one.fullName,
          status: one.status,
          message: one.failureMessages?.[0] ?? ""
        }))
  )
}

/** What the table says of a claim, or what is wrong with it. */
const verdict = (claim, name, all) => {
  const files = claim.files ? filesOf(claim) : ["installed"]
  const own = all.filter(
    (one) => files.includes(one.file) && (one.test === "" || !claim.only || claim.only.test(one.test))
  )
  const failed = own.filter((one) => one.status === "failed")
  const lack = claim.lacks?.[name]
  const unexpected = lack?.tests ? failed.filter((one) => !lack.tests.test(one.test)) : failed
  const wrong = unexpected.map((one) => `${titles[name]} fails: ${one.file}: ${one.test}: ${one.message}`)
  const passed = own.some((one) => one.status === "passed")
  if (lack?.tests && failed.length === 0) wrong.push(`${titles[name]} lacks nothing any more: ${claim.title}`)
  if (!lack && !passed) wrong.push(`${titles[name]}: no test ran of: ${claim.title}`)
  return { cell: lack === undefined ? "yes" : (lack.cell ?? "no"), wrong }
}

const all = Object.fromEntries(
  await Promise.all(
    Object.keys(versions).map(async (name) => [
      name,
      [...(await installed(name)), ...(await results(name, false)), ...(await results(name, true))]
    ])
  )
)

const wrong = []
const rows = claims.map((claim) => {
  const cells = Object.keys(versions).map((name) => {
    const found = verdict(claim, name, all[name])
    wrong.push(...found.wrong)
    return found.cell
  })
  return `| ${claim.title} | ${cells.join(" | ")} |`
})
const lacks = claims.flatMap((claim) =>
  Object.entries(claim.lacks ?? {}).map(([name, { reason }]) => `- ${titles[name]}, ${claim.title}: ${reason}.`)
)
const head = Object.entries(versions).map(([name, version]) => `${titles[name]} ${version}`)
const table = [`| | ${head.join(" | ")} |`, "|---|---|---|", ...rows, "", "What does not hold:", "", ...lacks].join(
  "\n"
)

if (wrong.length > 0) throw new Error(wrong.join("\n"))
const text = fs.readFileSync(page, "utf8")
const made = text.replace(
  /(<!-- claims -->\n)[^]*(\n<!-- end of claims -->)/,
  (_, before, after) => `${before}\n${table}\n${after}`
)
if (process.argv.includes("--write")) fs.writeFileSync(page, made)
else if (text !== made) throw new Error("docs/runtimes.md differs: node .ci/runtimes/main.mjs --write")
console.log(`runtimes: ${claims.length} claims hold on ${head.join(" and on ")}`)
