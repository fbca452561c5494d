import { assert, describe, it } from "@effect/vitest"
import { spawn } from "node:child_process"
import { once } from "node:events"
import * as fs from "node:fs"
import * as net from "node:net"
import * as path from "node:path"

const root = path.resolve(import.meta.dirname, "../..")

const files = (folder: string, pattern: RegExp): Array<string> =>
  fs
    .readdirSync(path.join(root, folder), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && pattern.test(entry.name) && !entry.parentPath.includes("node_modules"))
    .map((entry) => path.join(entry.parentPath, entry.name))

/** Code without its white space: a test may set it deeper. */
const squeeze = (code: string): string => code.replaceAll(/\s+/g, "")

describe("the documentation", () => {
  const tested = [
    ...files("docs/examples", /\.ts$/),
    ...files("docs/test", /\.test\.ts$/),
    ...["ipaddr", "resolver", "socket", "http09"].flatMap((name) => files(`packages/${name}/test`, /Docs.*\.test\.ts$/))
  ].map((file) => squeeze(fs.readFileSync(file, "utf8")))

  for (const file of ["README.md", ...files("docs", /\.md$/).map((file) => path.relative(root, file))]) {
    const blocks = [...fs.readFileSync(path.join(root, file), "utf8").matchAll(/^```ts\n(.*?)^```$/gms)]
    it(`every example in ${file} stands in a test or in a file that a test runs`, () => {
      for (const [, code] of blocks) {
        assert.isTrue(
          tested.some((text) => text.includes(squeeze(code))),
          code
        )
      }
    })
  }
})

const freePort = async (): Promise<number> => {
  const server = net.createServer().listen(0, "127.0.0.1")
  await once(server, "listening")
  const { port } = server.address() as net.AddressInfo
  server.close()
  await once(server, "close")
  return port
}

describe("README.md", () => {
  it("its server and its client talk to each other as two processes", { timeout: 30_000 }, async () => {
    const port = await freePort()
    const run = (name: string) => {
      const code = fs.readFileSync(path.join(root, "docs/examples", name), "utf8").replaceAll("4141", String(port))
      return spawn(process.execPath, ["--input-type=module-typescript", "--eval", code], { cwd: root, stdio: "pipe" })
    }
    const server = run("server.ts")
    try {
      let output = ""
      for (const deadline = Date.now() + 15_000; !output.includes("HELLO") && Date.now() < deadline;) {
        const client = run("client.ts")
        client.stdout.on("data", (chunk) => (output += String(chunk)))
        await once(client, "close")
      }
      assert.include(output, "HELLO")
      server.kill("SIGINT")
      await once(server, "exit")
    } finally {
      server.kill("SIGKILL")
    }
  })
})
