/**
 * Holds what is claimed of other runtimes: runs the tests of `claims.mjs` on Bun and on Deno, and compares what came out
 * with docs/runtimes.md. With `--write` it writes the table there. A claim that fails fails this, and so does a lack that
 * is gone. Needs npm and its registry.
 */
import { spawn } from "node:child_process"
import * as fs from "node:fs"
import * as path from "node:path"
import { application, folder, root } from "../packages/common.mjs"
import { claims, unclaimed } from "./claims.mjs"

const versions = { bun: "1.4.5", deno: "2.9.6" }
const titles = { bun: "Bun", deno: "Deno" }
const page = path.join(root, "docs/runtimes.md")
const vitest = path.join(root, "node_modules/vitest/vitest.mjs")
/** Milliseconds for all tests of one kind on one runtime. */
const limit = 300_000

const cwd = application(
  "runtimes",
  Object.entries(versions).map(([name, version]) => `${name}@${version}`)
)
const bin = (name) => path.join(cwd, "node_modules/.bin", name)
// Tests start commands by the path of the runtime alone.
const denoRun = path.join(cwd, "deno-run")
fs.writeFileSync(denoRun, `#!/bin/sh\nexec ${bin("deno")} run -A "$@"\n`, { mode: 0o755 })

/**
 * How each runs tests, and how what tests start is run by it. Bun's `fork` lacks what Vitest wants of it: a
 * thread, and one, since tests count what their process has open.
 */
const runtimes = {
  bun: { inside: [bin("bun"), "--bun", vitest], pool: ["--pool", "threads", "--maxWorkers", "1"], starts: bin("bun") },
  deno: { inside: [bin("deno"), "run", "-A", vitest], pool: [], starts: denoRun }
}

const filesOf = (claim) => {
  const below = path.join(root, claim.project === "examples" ? "" : "packages", claim.project)
  const wanted = new RegExp(claim.files)
  return fs
    .globSync("**/*.test.ts", { cwd: below, exclude: ["**/node_modules"] })
    .filter((file) => wanted.test(file))
    .map((file) => path.join(below, file))
}

/** The results of tests, one by one: file, name and status. */
const results = (name, starts) =>
  new Promise((resolve, reject) => {
    const { inside, pool, starts: started } = runtimes[name]
    const chosen = claims.filter((claim) => (claim.starts ?? false) === starts)
    // Files have tests that nothing claims, and some that hang or come out now so, now so.
    const skipped = [unclaimed, ...chosen.flatMap((claim) => claim.lacks?.[name]?.omits ?? [])]
    const only = `^(?!${skipped.map(({ source }) => source).join("|")})`
    const output = path.join(folder, `${name}-${starts}.json`)
    const config = path.join(root, starts ? ".ci/runtimes/vitest.config.mjs" : "vitest.workspace.ts")
    const [command, ...first] = starts ? [process.execPath, vitest] : inside
    const args = [...first, "run", "--config", config, ...(starts ? [] : pool)]
    args.push("--retry=2", "--reporter=json", `--outputFile=${output}`, "-t", only, ...new Set(chosen.flatMap(filesOf)))
    const child = spawn(command, args, { cwd: root, env: { ...process.env, RUNTIME: started }, stdio: "pipe" })
    let text = ""
    for (const stream of [child.stdout, child.stderr]) stream.on("data", (chunk) => (text += String(chunk)))
    const timer = setTimeout(() => child.kill("SIGKILL"), limit)
    child.on("close", () => {
      clearTimeout(timer)
      if (!fs.existsSync(output))
        return reject(new Error(`${command} ${args.slice(0, 4).join(" ")} ended early:\n${text}`))
      const { testResults } = JSON.parse(fs.readFileSync(output, "utf8"))
      resolve(
        testResults.flatMap((file) =>
          file.assertionResults.length === 0 && file.status === "failed"
            ? [{ file: file.name, test: "", status: "failed", message: file.message }]
            : file.assertionResults.map((one) => ({
                file: file.name,
                test: one.fullName,
                status: one.status,
                message: one.failureMessages?.[0] ?? ""
              }))
        )
      )
    })
  })

/** What the table says of a claim, or what is wrong with it. */
const verdict = (claim, name, all) => {
  const files = filesOf(claim)
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
    Object.keys(versions).map(async (name) => [name, [...(await results(name, false)), ...(await results(name, true))]])
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
