import { expect, it } from "@effect/vitest"
import { execFile } from "node:child_process"
import * as path from "node:path"
import { folder, type Example, written } from "./utils/examples.ts"
import { root } from "./utils/sources.ts"

/** The compiler's errors and warnings, each at the line of the source that it stands in. */
const errorsOf = (output: string, examples: ReadonlyArray<Example>): Array<string> =>
  output.split("\n").flatMap((text) => {
    const found = /^(.+)\((\d+),\d+\): (?:error|warning) (.*)$/.exec(text)
    if (found === null) return []
    const [, file, line, message] = found
    const example = examples.find((one) => file.endsWith(one.file))
    const where = example === undefined ? `${file}:${line}` : `${example.source}:${line} ${example.about}`
    return [`${where}: ${message}`]
  })

const compile = (): Promise<string> =>
  new Promise((resolve) =>
    execFile(
      process.execPath,
      [path.join(root, "node_modules/typescript/bin/tsc"), "--pretty", "false", "-p", folder],
      { cwd: root, maxBuffer: 1 << 26 },
      (error, stdout, stderr) => resolve(error === null ? "" : `${stdout}${stderr}`)
    )
  )

it("every example type checks", { timeout: 120_000 }, async () => {
  const output = await compile()
  const errors = errorsOf(output, written())
  expect(errors.length === 0 ? output : errors.join("\n")).toBe("")
})
