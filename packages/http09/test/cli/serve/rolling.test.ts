/** Two machines behind HAProxy, and their clients on a third: everything is restarted, and nobody notices. */
import { assert, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as fs from "node:fs"
import * as net from "node:net"
import * as path from "node:path"
import { type Asked, assertWhole, page } from "../../utils/asking.ts"
import { temporary, write } from "../../utils/folders.ts"
import { can, machines } from "../../utils/machines.ts"
import { cli, type Running } from "../../utils/processes.ts"
import { eventually } from "../../utils/workers.ts"
import { has } from "../../../../../test/utils/programs.ts"

const asker = path.join(import.meta.dirname, "../../fixtures/asking.ts")

const guide = path.join(import.meta.dirname, "../../../../../docs/scaling.md")

/** HAProxy's configuration as the guide has it. */
const config = (folder: string): string => {
  const [, block = ""] = /^```haproxy\n([^]*?)^```/m.exec(fs.readFileSync(guide, "utf8")) ?? []
  return block.replace("/run/haproxy/admin.sock", `${folder}/haproxy`)
}

/** What HAProxy answers to a command. */
const tell = (folder: string, command: string): Promise<string> =>
  new Promise((resolve, reject) => {
    let text = ""
    const socket = net.connect(`${folder}/haproxy`, () => socket.write(`${command}\n`))
    socket.on("data", (chunk) => (text += String(chunk)))
    socket.on("end", () => resolve(text)).on("error", reject)
  })

/** A column of HAProxy's table about one server. */
const column = async (folder: string, server: string, name: string): Promise<string | undefined> => {
  const [names, ...rows] = (await tell(folder, "show stat")).split("\n").map((line) => line.split(","))
  return rows.find((row) => row[1] === server)?.[names.indexOf(name)]
}

/** The clients in the logs, without the health checks. */
const logged = (servers: ReadonlyArray<Running>): ReadonlyArray<string> =>
  servers
    .flatMap(({ stdout }) => [
      ...stdout()
        .toString()
        .matchAll(/^\{"time".*\}$/gm)
    ])
    .map(([line]) => String(JSON.parse(line)["client"]))
    .filter((client) => client.startsWith("10.9.3."))

it.live.skipIf(!can || !has("haproxy"))(
  "two machines behind HAProxy are updated and restarted in turn, no request fails, and the logs have every client (needs haproxy, ip and unshare)",
  () =>
    Effect.gen(function* () {
      const folder = yield* temporary
      yield* write(folder, { "index.html": page, "haproxy.cfg": config(folder) })
      const [middle, one, two, three] = yield* machines(3)
      const all: Array<Running> = []
      const serve = Effect.fnUntraced(function* (on: typeof one, host: string, proxy: string) {
        const args = ["--host", host, "--port", "8080", "--workers", "2", "--log-format", "json"]
        const server = yield* on(process.execPath, [cli, "serve", folder, ...args, "--proxy-protocol", proxy])
        yield* server.until("Started server")
        all.push(server)
        return server
      })
      const places = [
        { name: "one", on: one, host: "10.9.1.2", proxy: "10.9.1.1" },
        { name: "two", on: two, host: "10.9.2.2", proxy: "10.9.2.1" }
      ]
      const running = yield* Effect.forEach(places, ({ host, on, proxy }) => serve(on, host, proxy), { concurrency: 2 })
      yield* (yield* middle("haproxy", ["-W", "-db", "-f", `${folder}/haproxy.cfg`])).until("Loading success")
      const clients = yield* three(process.execPath, [asker, "10.9.3.1", "80", "10.9.3.2", "10.9.3.3"])

      // The program is updated: one worker after the other, on one machine after the other.
      for (const server of running) {
        process.kill(server.pid, "SIGUSR2")
        yield* server.until("http09: workers replaced: 2\n")
      }
      // The machines are restarted: HAProxy is told before, and again when it may.
      for (const [index, { host, name, on, proxy }] of places.entries()) {
        yield* Effect.promise(() => tell(folder, `set server http09/${name} state maint`))
        assert.isTrue(yield* eventually(async () => (await column(folder, name, "scur")) === "0"))
        process.kill(running[index].pid, "SIGTERM")
        assert.strictEqual((yield* running[index].ended).status, 0)
        yield* serve(on, host, proxy)
        yield* Effect.promise(() => tell(folder, `set server http09/${name} state ready`))
        const before = Number(yield* Effect.promise(() => column(folder, name, "stot")))
        assert.isTrue(yield* eventually(async () => Number(await column(folder, name, "stot")) > before + 10))
      }

      clients.child.stdin?.end()
      const asked = JSON.parse((yield* clients.ended).stdout.toString()) as ReadonlyArray<Asked>
      assertWhole(asked)
      yield* eventually(() => logged(all).length >= asked.length)
      assert.deepStrictEqual(logged(all).toSorted(), asked.map(({ client }) => client).toSorted())
      assert.isTrue(all.every((server) => logged([server]).length > 0))
    }).pipe(Effect.scoped),
  60_000
)
