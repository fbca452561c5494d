/** A folder as a static host gives it, and Chromium. */
import { chromium, type Browser } from "playwright-core"
import { once } from "node:events"
import * as fs from "node:fs"
import * as http from "node:http"
import type { AddressInfo } from "node:net"
import * as os from "node:os"
import * as path from "node:path"

const types: Readonly<Record<string, string>> = {
  ".html": "text/html",
  ".js": "text/javascript",
  ".css": "text/css",
  ".svg": "image/svg+xml",
  ".json": "application/json",
  ".woff2": "font/woff2"
}

/** The file that a static host would give for a path, if there is one. */
export const fileFor = (folder: string, pathname: string): string | undefined =>
  [pathname, `${pathname}.html`, path.posix.join(pathname, "index.html")]
    .map((name) => path.join(folder, decodeURIComponent(name)))
    .find((file) => fs.statSync(file, { throwIfNoEntry: false })?.isFile())

/** Serves a folder until it is told to stop. */
export const host = async (folder: string): Promise<{ readonly url: string; readonly stop: () => void }> => {
  const server = http.createServer(({ url }, response) => {
    const file = fileFor(folder, new URL(url!, "http://host").pathname)
    if (file === undefined) return response.writeHead(404).end()
    return response
      .writeHead(200, { "content-type": types[path.extname(file)] ?? "application/octet-stream" })
      .end(fs.readFileSync(file))
  })
  server.listen(0, "127.0.0.1")
  await once(server, "listening")
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    stop: () => {
      server.closeAllConnections()
      server.close()
    }
  }
}

export const executablePath = "/usr/bin/chromium"

export const hasChromium = fs.existsSync(executablePath)

/** Chromium, which asks for nothing but what the test asks for. */
export const launch = (): Promise<Browser> =>
  chromium.launch({
    executablePath,
    args: [
      "--no-sandbox",
      "--disable-gpu",
      "--disable-quic",
      "--no-first-run",
      "--disable-background-networking",
      "--disable-component-update",
      "--disable-sync"
    ]
  })

export const temporary = (): string => fs.mkdtempSync(path.join(os.tmpdir(), "site-"))
