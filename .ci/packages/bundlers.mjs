/** What is left of the packages in a bundle, with all of effect that it needs, and that the bundle runs by itself. */
import * as fs from "node:fs"
import * as path from "node:path"
import * as zlib from "node:zlib"
import { application, check, copyPrograms, folder, root, run } from "./common.mjs"

const bundlers = {
  esbuild: (entry, out) => [entry, "--bundle", "--minify", "--platform=node", "--format=esm", `--outfile=${out}`],
  rolldown: (entry, out) => [entry, "--minify", "--platform", "node", "--format", "esm", "--file", out]
}

const programs = { address: "127.0.0.1\n", echo: "hello\n" }

const kilobytes = (bytes) => Math.round(bytes / 1000)

/** The sizes that the documentation states, by bundler and program: "| esbuild | address | 79 | 27 |". */
const stated = () => {
  const page = fs.readFileSync(path.join(root, "docs/packages.md"), "utf8")
  const rows = page.matchAll(/^\| (\w+) \| (\w+) \| (\d+) KB \| (\d+) KB \|$/gm)
  return new Map([...rows].map(([, bundler, program, size]) => [`${bundler} ${program}`, Number(size)]))
}

export const bundles = (tarballs) => {
  const cwd = application("bundlers", [...tarballs, ...Object.keys(bundlers)])
  copyPrograms(cwd)
  const sizes = stated()
  for (const [bundler, args] of Object.entries(bundlers)) {
    for (const [program, output] of Object.entries(programs)) {
      // Outside the application: nothing of its node_modules can help.
      const file = path.join(folder, `${bundler}-${program}.mjs`)
      run(path.join(cwd, "node_modules/.bin", bundler), args(`${program}.ts`, file), { cwd })
      check(run("node", [file]) === output, `${program}, bundled by ${bundler}`)
      const bytes = fs.readFileSync(file)
      const size = kilobytes(bytes.length)
      const what = `${bundler} ${program}`
      console.log(`bundle: ${what}, ${size} KB, ${kilobytes(zlib.gzipSync(bytes).length)} KB gzipped`)
      const promised = sizes.get(what)
      check(Math.abs(size - promised) <= promised / 10, `${what}: ${size} KB, and docs/packages.md says ${promised} KB`)
    }
  }
}
