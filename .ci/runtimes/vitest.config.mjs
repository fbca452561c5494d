/** The tests as always, by whatever runs them, but what they start runs on another runtime. */
import * as path from "node:path"
import config from "../../vitest.workspace.ts"

for (const { test } of config.test.projects) test.setupFiles = [path.join(import.meta.dirname, "setup.mjs")]

export default config
