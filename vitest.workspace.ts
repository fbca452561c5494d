import { defineConfig } from "vitest/config"

const names = ["packages/ipaddr", "packages/resolver", "packages/socket", "packages/http09", "examples", "docs"]

export default defineConfig({
  test: {
    // What a test prints is of interest when it fails.
    silent: "passed-only",
    projects: names.map((root) => ({
      test: {
        name: root.replace("packages/", ""),
        root,
        // Generous: on a busy machine everything takes longer, and no test is about how long.
        testTimeout: 30_000,
        hookTimeout: 30_000,
        // The examples of the documentation become files before they are run.
        ...(root === "docs" ? { globalSetup: "./test/utils/setup.ts" } : {})
      }
    }))
  }
})
