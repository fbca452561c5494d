import { build } from "esbuild"
import * as fs from "node:fs"
import * as path from "node:path"
import { assert, describe, it } from "vitest"
import { hasChromium, host, launch, temporary } from "./browser.ts"

describe.skipIf(!hasChromium)("the packages in a browser (needs chromium)", () => {
  it("addresses, codecs and the memory network run there", async () => {
    const folder = temporary()
    // Fails on any module of Node.
    await build({
      entryPoints: [path.join(import.meta.dirname, "inBrowser.ts")],
      bundle: true,
      platform: "browser",
      format: "esm",
      outfile: path.join(folder, "program.js")
    })
    fs.writeFileSync(path.join(folder, "index.html"), '<script type="module" src="program.js"></script>')
    const { stop, url } = await host(folder)
    const browser = await launch()
    try {
      const page = await browser.newPage()
      const errors: Array<string> = []
      page.on("pageerror", (error) => errors.push(String(error)))
      await page.goto(url)
      await page.waitForFunction("document.title !== ''", undefined, { timeout: 10_000 }).catch(() => {})
      assert.deepStrictEqual([errors, await page.title()], [[], "FROM 127.0.0.1"])
    } finally {
      await browser.close()
      stop()
      fs.rmSync(folder, { recursive: true })
    }
  })
})
