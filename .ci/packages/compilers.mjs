/**
 * The types of the packages, as applications compile against them: the oldest and the newest TypeScript that are
 * promised, both ways to find modules, and nothing skipped. `dom` is among the libraries because effect's types need it.
 */
import * as fs from "node:fs"
import * as path from "node:path"
import { application, copyPrograms, run, specifiers } from "./common.mjs"

const versions = ["5.9", "7"]

const ways = [
  { module: "nodenext", moduleResolution: "nodenext" },
  { module: "esnext", moduleResolution: "bundler" }
]

const options = {
  noEmit: true,
  strict: true,
  exactOptionalPropertyTypes: true,
  skipLibCheck: false,
  target: "es2024",
  lib: ["es2024", "dom"],
  types: ["node"]
}

export const compilers = (tarballs) => {
  const aliases = versions.map((version) => `typescript-${version}@npm:typescript@${version}`)
  const cwd = application("compilers", [...tarballs, "@types/node", ...aliases])
  copyPrograms(cwd)
  const everything = specifiers.map((specifier, index) => `export * as M${index} from "${specifier}"\n`)
  fs.writeFileSync(path.join(cwd, "everything.ts"), everything.join(""))
  for (const version of versions) {
    for (const way of ways) {
      fs.writeFileSync(
        path.join(cwd, "tsconfig.json"),
        JSON.stringify({ compilerOptions: { ...options, ...way }, include: ["*.ts"] })
      )
      run("node", [`node_modules/typescript-${version}/bin/tsc`, "-p", "."], { cwd })
      console.log(`types: TypeScript ${version}, ${way.moduleResolution}, skipLibCheck off`)
    }
  }
}
