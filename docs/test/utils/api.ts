// What the packages hand out, from their declarations as they were built: `pnpm api` writes it to `packages/*/api.md`;
// with `--check` it fails, and says where, if it is not what stands there.
import { spawnSync } from "node:child_process"
import * as fs from "node:fs"
import * as path from "node:path"
import { exportsOf, packages, parse, publicModules, root, type Symbol, withoutComments } from "./sources.ts"

/** A class's declaration names what it extends, which is where a schema's fields are. */
const bases = ({ declarations, file }: Symbol): Array<string> => {
  const source = parse(file)
  return declarations.flatMap((text) => {
    const name = /\bextends (\w+_base)\b/.exec(text)?.[1]
    return source.body
      .filter((statement) => statement.type === "VariableDeclaration")
      .filter(({ declarations: [{ id }] }) => id.type === "Identifier" && id.name === name)
      .map(({ end, start }) => withoutComments(source, start, end))
  })
}

const moduleReport = (name: string, file: string): string => {
  const declarations = file.replace("/src/", "/dist/").replace(/\.ts$/, ".d.ts")
  const symbols = [...exportsOf(declarations)]
    .filter(([, { docs }]) => !docs.some((doc) => doc.includes("@internal")))
    .toSorted(([a], [b]) => (a < b ? -1 : 1))
    .map(([exported, symbol]) => {
      const code = [...bases(symbol), ...symbol.declarations].join("\n")
      const isNamed = new RegExp(`\\b${exported.split(".").at(-1)}\\b`).test(code)
      return isNamed ? code : `// as ${exported}\n${code}`
    })
  const specifier = path.relative(`packages/${name}/src`, file).replace(/\.ts$/, "")
  return [`## ${specifier}`, "", "```ts", symbols.join("\n\n"), "```", ""].join("\n")
}

export const report = (name: string): string =>
  [
    `# What @effect-sockets/${name} hands out`,
    "",
    "`pnpm api` writes this file from the declarations. A change of it is a change for users.",
    "",
    ...publicModules(name).map((file) => moduleReport(name, file))
  ].join("\n")

if (import.meta.main) {
  let differ = false
  for (const name of packages) {
    const file = path.join(root, "packages", name, "api.md")
    if (!process.argv.includes("--check")) {
      fs.writeFileSync(file, report(name))
      continue
    }
    const { status, stdout } = spawnSync("diff", ["-u", file, "-"], { input: report(name), encoding: "utf8" })
    if (status !== 0) console.error(stdout)
    differ ||= status !== 0
  }
  if (differ) {
    console.error("The public surface is not what packages/*/api.md says: if it is meant, run `pnpm api`.")
    process.exitCode = 1
  }
}
