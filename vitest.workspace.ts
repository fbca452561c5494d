import { defineConfig } from "vitest/config"

const names = ["packages/ipaddr", "packages/resolver", "packages/socket", "packages/http09", "docs"]

export default defineConfig({
  test: {
    projects: names.map((root) => ({
      // Generous: on a busy machine everything takes longer, and no test is about how long.
      test: { name: root.replace("packages/", ""), root, testTimeout: 30_000, hookTimeout: 30_000 }
    }))
  }
})
