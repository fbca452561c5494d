import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as fs from "node:fs"
import { http09 } from "../../utils/processes.ts"

const page = fs.readFileSync(new URL("../../../../../docs/operating.md", import.meta.url), "utf8")

/** Flag, variable and default of each row of the table of settings. */
const rows = [...page.matchAll(/^\| `--([a-z-]+)`.*? \| `(HTTP09_[A-Z_]+)` \| (.*?) ?\|/gm)]

describe("docs/operating.md", () => {
  it.live("has the flags, variables and defaults that serve --help has", () =>
    Effect.gen(function* () {
      const help = (yield* http09(["serve", "--help"])).stdout.toString()
      const told = [...help.matchAll(/^ {2}--([a-z-]+).*\[(HTTP09_[A-Z_]+)(?:; default ([^\]]*))?\]$/gm)]
      assert.isAbove(told.length, 10)
      assert.deepStrictEqual(
        rows.map(([, flag, variable]) => [flag, variable]),
        told.map(([, flag, variable]) => [flag, variable])
      )
      for (const [index, [, flag, , otherwise]] of told.entries()) {
        const written = rows[index][3].replace(/^(off|from the descriptor limit)$/, "")
        const short = otherwise?.startsWith("half the descriptor limit") ? "" : (otherwise ?? "")
        assert.strictEqual(written, short, flag)
      }
    })
  )

  it.live("has a service unit whose variables are settings with right values", () =>
    Effect.gen(function* () {
      const unit = /```ini\n(\[Unit\][^]*?)```/.exec(page)?.[1] ?? ""
      const variables = [...unit.matchAll(/(HTTP09_[A-Z_]+)=(\S+)/g)]
      assert.strictEqual(variables.length, 5)
      const known = new Set(rows.map(([, , variable]) => variable))
      for (const [, variable] of variables) assert.isTrue(known.has(variable), variable)
      const env = Object.fromEntries(variables.map(([, variable, value]) => [variable, value]))
      // A folder that does not exist is what is wrong then, and no variable.
      const ended = yield* http09(["serve", "/no/such/folder"], {
        env: { ...env, HTTP09_PORT: "0", HTTP09_METRICS: "0", HTTP09_HOST: "127.0.0.1" }
      })
      assert.deepStrictEqual([ended.status, ended.errors], [1, ["http09: /no/such/folder: not found"]])
    })
  )
})
