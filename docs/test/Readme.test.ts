import { assert, it } from "@effect/vitest"
import { spawn } from "node:child_process"
import { once } from "node:events"
import * as net from "node:net"
import { written } from "./utils/examples.ts"
import { root } from "./utils/sources.ts"

const freePort = async (): Promise<number> => {
  const server = net.createServer().listen(0, "127.0.0.1")
  await once(server, "listening")
  const { port } = server.address() as net.AddressInfo
  server.close()
  await once(server, "close")
  return port
}

it("the server and the client of README.md talk to each other as two processes", { timeout: 30_000 }, async () => {
  const port = await freePort()
  const run = (name: string) => {
    const program = written().find(({ about, source }) => source === "README.md" && about === name)
    const code = String(program?.code).replaceAll("4141", String(port))
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
