import { spawnSync } from "node:child_process"
import { once } from "node:events"
import * as fs from "node:fs"
import * as net from "node:net"
import * as path from "node:path"
import { assert, it } from "vitest"
import { describeWith, example, Process } from "../../test/process.ts"

const folder = path.join(import.meta.dirname, "..")

const freePort = () =>
  new Promise<number>((resolve) => {
    const probe = net.createServer().listen(0, "127.0.0.1", () => {
      const { port } = probe.address() as net.AddressInfo
      probe.close(() => resolve(port))
    })
  })

/** What one client is told. */
const visit = async (port: number): Promise<string> => {
  const client = net.connect(port, "127.0.0.1")
  let text = ""
  client.on("data", (bytes) => (text += String(bytes)))
  await once(client, "end")
  return text
}

/** What two clients are told, where the server says that it listens, and how a stop ends it. */
const tour = async (server: Process, port: number) => {
  const greetings = [await visit(port), await visit(port)]
  return { greetings, status: await server.end("SIGTERM"), said: server.output }
}

const expected = ({ child }: Process, port: number) => ({
  greetings: [1, 2].map((client) => `Process ${child.pid} greets client ${client}\r\n`),
  status: 130,
  said: `ServerSocket(127.0.0.1:${port})\n`
})

it("opens a port of its own, if nobody passes it one", async () => {
  await using server = await example("activated", "0")
  const port = Number(server.port)
  assert.deepStrictEqual(await tour(server, port), expected(server, port))
})

describeWith("systemd-socket-activate", "the activated server", () => {
  const activated = async (port: number, ...wrapper: ReadonlyArray<string>) => {
    const program = [...wrapper, process.execPath, path.join(folder, "main.ts")]
    const server = new Process("systemd-socket-activate", ["-l", `127.0.0.1:${port}`, ...program])
    while (!server.errors.includes("Listening")) await once(server.child.stderr!, "data")
    return server
  }

  it("serves the port that it is passed; the first client waits until it does", async () => {
    const port = await freePort()
    await using server = await activated(port)
    assert.deepStrictEqual(await tour(server, port), expected(server, port))
  })

  it.skipIf(spawnSync("unshare", ["-rn", "true"]).status !== 0)(
    "serves it without a network of its own, as its unit has it (needs unshare)",
    async () => {
      const port = await freePort()
      await using server = await activated(port, "unshare", "-rn")
      assert.deepStrictEqual(await tour(server, port), expected(server, port))
    }
  )
})

describeWith("systemd-analyze", "the units", () => {
  it("are right", () => {
    const service = fs.readFileSync(path.join(folder, "activated.service"), "utf8")
    assert.match(service, /^ExecStart=\/usr\/bin\/node \/\S+\/examples\/activated\/main\.ts$/m)
    const units = fs.mkdtempSync("/tmp/units-")
    try {
      // Only what can be run may stand there.
      fs.writeFileSync(path.join(units, "activated.service"), service.replace("/usr/bin/node", process.execPath))
      fs.copyFileSync(path.join(folder, "activated.socket"), path.join(units, "activated.socket"))
      const verified = spawnSync("systemd-analyze", ["verify", "--man=no", path.join(units, "activated.socket")], {
        encoding: "utf8"
      })
      assert.notInclude(verified.stderr, "activated")
    } finally {
      fs.rmSync(units, { recursive: true })
    }
  })
})
