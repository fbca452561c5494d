/** The site as a reader has it: in a real browser, wide and narrow, light and dark. */
import * as path from "node:path"
import type { Browser, BrowserContextOptions, Page } from "playwright-core"
import { afterAll, assert, beforeAll, describe, it } from "vitest"
import { hasChromium, host, launch } from "./browser.ts"

describe.skipIf(!hasChromium)("the site in a browser (needs chromium)", () => {
  let browser: Browser
  let site: Awaited<ReturnType<typeof host>>

  beforeAll(async () => {
    site = await host(path.join(import.meta.dirname, "../dist"))
    browser = await launch()
  })
  afterAll(async () => {
    await browser.close()
    site.stop()
  })

  /** A page, on which nothing may fail: no request, no script. */
  const visit = async (options: BrowserContextOptions, look: (page: Page) => Promise<void>): Promise<void> => {
    const context = await browser.newContext(options)
    const page = await context.newPage()
    const failures: Array<string> = []
    page.on("pageerror", (error) => failures.push(String(error)))
    page.on("console", (message) => message.type() === "error" && failures.push(message.text()))
    page.on("request", (request) => !request.url().startsWith(site.url) && failures.push(request.url()))
    page.on("response", (response) => response.status() >= 400 && failures.push(response.url()))
    await page.goto(site.url)
    await look(page)
    assert.deepStrictEqual(failures, [])
    await context.close()
  }

  const wide = { viewport: { width: 1400, height: 900 } }

  it("leads from the first page to a guide, and to the reference", () =>
    visit(wide, async (page) => {
      assert.include(await page.locator("h1").innerText(), "effect-sockets")
      await page.locator(".VPSidebar").getByRole("link", { name: "Servers: limits, overload, stopping" }).click()
      await page.locator("h1", { hasText: "Servers" }).waitFor()
      await page.locator(".VPNav").getByRole("link", { name: "Reference" }).click()
      await page.locator(".VPSidebar").getByRole("link", { name: "SocketStream", exact: true }).click()
      await page.locator("h1", { hasText: "SocketStream" }).waitFor()
      await page.locator(".VPDocAside").getByRole("link", { name: "forEachLine", exact: true }).click()
      assert.match(page.url(), /SocketStream.*#foreachline/)
    }))

  it("finds a symbol of the reference, and a word of a guide", () =>
    visit(wide, async (page) => {
      for (const [word, where] of [
        ["acceptWithin", /reference\/socket\/src\/ServerSocket/],
        ["linger", /(guide|reference)\/.*#.*linger/i]
      ] as const) {
        await page.locator(".VPNavBarSearch button").click()
        await page.locator("#localsearch-input").fill(word)
        await page.locator(".result").first().click()
        await page.waitForURL(where)
        assert.match(page.url(), where)
      }
    }))

  it("is dark when it is asked to be, and stays so", () =>
    visit({ ...wide, colorScheme: "light" }, async (page) => {
      const background = () => page.evaluate("getComputedStyle(document.body).backgroundColor")
      const light = await background()
      await page.locator(".VPNavBarAppearance button").click()
      const dark = await background()
      assert.notStrictEqual(dark, light)
      await page.reload()
      assert.strictEqual(await background(), dark)
    }))

  it("shows the benchmarks as a chart", () =>
    visit(wide, async (page) => {
      await page.locator(".VPNav").getByRole("link", { name: "Benchmarks" }).click()
      const chart = page.locator("img[alt='The ratios as bars']")
      await chart.scrollIntoViewIfNeeded()
      const { height = 0, width = 0 } = (await chart.boundingBox()) ?? {}
      assert.isAbove(Math.min(height, width), 300)
    }))

  it("fits on a phone: no page is wider than the screen, and the menu leads on", () =>
    visit({ viewport: { width: 390, height: 844 }, hasTouch: true, isMobile: true }, async (page) => {
      for (const address of [
        "/",
        "/guide/servers.html",
        "/guide/benchmarks.html",
        "/reference/socket/src/Server.html"
      ]) {
        await page.goto(site.url + address)
        assert.strictEqual(await page.evaluate("document.documentElement.scrollWidth"), 390, address)
      }
      await page.locator(".VPLocalNav .menu").tap()
      await page.locator(".VPSidebar.open").getByRole("link", { name: "ServerSocket", exact: true }).tap()
      await page.locator("h1", { hasText: "ServerSocket" }).waitFor()
    }))
})
