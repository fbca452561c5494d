import * as fs from "node:fs"
import * as os from "node:os"
import * as path from "node:path"
import { defineConfig } from "vitest/config"
import { isLong } from "./test/utils/rounds.ts"
import SkippedReporter from "./test/utils/SkippedReporter.ts"

const roots = ["packages/ipaddr", "packages/resolver", "packages/socket", "packages/http09", "examples", "docs"]

/** The test files below a folder that repeat what they do, as `test/utils/rounds.ts` says. */
const repeating = (root: string): Array<string> => {
  const folder = path.join(import.meta.dirname, root)
  return fs
    .globSync("**/*.test.ts", { cwd: folder, exclude: ["**/node_modules"] })
    .filter((file) => fs.readFileSync(path.join(folder, file), "utf8").includes("/test/utils/rounds.ts"))
}

export default defineConfig({
  test: {
    // What a test prints is of interest when it fails.
    silent: "passed-only",
    reporters: ["default", new SkippedReporter()],
    projects: roots
      .map((root) => ({ root, include: isLong ? repeating(root) : ["**/*.test.ts"] }))
      .filter(({ include }) => include.length > 0)
      .map(({ include, root }) => ({
        test: {
          name: root.replace("packages/", ""),
          root,
          include,
          // Test files share the modules that a worker has loaded, which takes longer than most of them.
          isolate: false,
          // One more than cores, because many tests wait for processes and for clocks.
          maxWorkers: os.availableParallelism() + 1,
          // Processes that run code of the checkout find it compiled.
          env: { NODE_COMPILE_CACHE: path.join(import.meta.dirname, "node_modules/.cache/node") },
          // Generous: on a busy machine everything takes longer, and no test is about how long.
          testTimeout: 30_000,
          hookTimeout: 30_000,
          // Before any test, the examples of the documentation become files, and the command one file.
          ...(["docs", "packages/http09"].includes(root) ? { globalSetup: "./test/utils/setup.ts" } : {})
        }
      }))
  }
})
