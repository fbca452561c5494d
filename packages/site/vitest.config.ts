import { defineConfig } from "vitest/config"

// Apart from the other tests: these need the site, which takes half a minute to make, and Chromium.
export default defineConfig({ test: { include: ["test/*.test.ts"], testTimeout: 60_000, hookTimeout: 60_000 } })
