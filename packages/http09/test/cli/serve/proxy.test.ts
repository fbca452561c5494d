import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { temporary, write } from "../../utils/folders.ts"
import { cli, type Running, start } from "../../utils/processes.ts"
import { haproxy, needs, title } from "../../utils/programs.ts"
import { collect, connect, exchange } from "../../utils/raw.ts"
import { eventually, measured, total } from "../../utils/workers.ts"

const limit = 30_000

const folderOf = Effect.tap(temporary, (folder) => write(folder, { "index.html": "<p>Hello" }))

/** The clients of each line of the log, as soon as there are so many. */
const logged = ({ stdout }: Running, count: number) =>
  Effect.gen(function* () {
    const clients = () =>
      [
        ...stdout()
          .toString()
          .matchAll(/^\{.*\}$/gm)
      ].map(([line]) => String(JSON.parse(line)["client"]))
    yield* eventually(() => clients().length >= count)
    return clients()
  })

/** A client at an address of its own. Its name is the address and port that it has. */
const from = (address: string, port: number) =>
  Effect.map(connect(port, "127.0.0.1", address), (socket) => ({ socket, name: `${address}:${socket.localPort}` }))

for (const [option, ...workers] of [["send-proxy"], ["send-proxy-v2", "--workers", "2"]]) {
  needs("haproxy")(
    title(
      "haproxy",
      `behind HAProxy with ${[option, ...workers].join(" ")} the log and /connections have the true clients`
    ),
    () =>
      Effect.gen(function* () {
        const folder = yield* folderOf
        const args = ["--log-format", "json", "--proxy-protocol", "127.0.0.1", ...workers]
        const server = yield* measured([folder, ...args])
        const port = yield* haproxy(folder, `127.0.0.1:${server.port} ${option}`)
        const clients = yield* Effect.all([from("127.0.0.2", port), from("127.0.0.3", port)])
        const names = clients.map(({ name }) => name)
        const connections = async () => {
          const all = (await (await fetch(server.url.replace("metrics", "connections"))).json()) as ReadonlyArray<{
            readonly remoteAddress: string
          }>
          return all.map(({ remoteAddress }) => remoteAddress)
        }
        assert.isTrue(yield* eventually(async () => (await connections()).length === 2))
        assert.sameMembers(yield* Effect.promise(connections), names)
        for (const { socket } of clients) {
          socket.write("GET /\r\n")
          assert.strictEqual((yield* collect(socket)).text, "<p>Hello")
        }
        assert.sameMembers([...(yield* logged(server, 2))], names)
      }),
    limit
  )
}

needs("haproxy")(
  title("haproxy", "behind HAProxy --max-per-peer counts clients, not the proxy"),
  () =>
    Effect.gen(function* () {
      const folder = yield* folderOf
      const server = yield* measured([folder, "--max-per-peer", "1", "--proxy-protocol", "127.0.0.1"])
      const port = yield* haproxy(folder, `127.0.0.1:${server.port} send-proxy-v2`)
      const first = yield* from("127.0.0.2", port)
      assert.isTrue(
        yield* eventually(async () => total(await Effect.runPromise(server.samples), "socket_connections_active") === 1)
      )
      const second = yield* from("127.0.0.2", port)
      second.socket.write("GET /\r\n")
      assert.strictEqual((yield* collect(second.socket)).text, "")
      assert.strictEqual(total(yield* server.samples, "socket_connections_refused", 'reason="max_per_peer"'), 1)
      for (const { socket } of [yield* from("127.0.0.3", port), first]) {
        socket.write("GET /\r\n")
        assert.strictEqual((yield* collect(socket)).text, "<p>Hello")
      }
    }),
  limit
)

needs("haproxy")(
  title("haproxy", "HAProxy may come over a Unix-domain socket: --proxy-protocol unix"),
  () =>
    Effect.gen(function* () {
      const folder = yield* folderOf
      const path = `${folder}/.socket`
      const args = ["serve", folder, "--unix", path, "--log-format", "json", "--proxy-protocol", "unix"]
      const server = yield* start(process.execPath, [cli, ...args])
      yield* server.until("Started server on")
      const port = yield* haproxy(folder, `unix@${path} send-proxy-v2`)
      const { name, socket } = yield* from("127.0.0.2", port)
      socket.write("GET /\r\n")
      assert.strictEqual((yield* collect(socket)).text, "<p>Hello")
      assert.deepStrictEqual(yield* logged(server, 1), [name])
    }),
  limit
)

const headers = [
  "PROXY TCP4 203.0.113.7 127.0.0.1 4711 80\r\n",
  Buffer.from("0d0a0d0a000d0a515549540a2111000ccb0071077f00000112670050", "hex")
]

describe("http09 serve --proxy-protocol", () => {
  it.live(
    "takes the header of a peer that is not named for a request, and a wrong one",
    () =>
      Effect.gen(function* () {
        const args = ["--log-format", "json", "--proxy-protocol", "127.0.0.2", "--proxy-protocol", "::1,unix"]
        const server = yield* measured([yield* folderOf, ...args])
        for (const header of headers) {
          const answer = yield* exchange(server.port, Buffer.concat([Buffer.from(header), Buffer.from("GET /\r\n")]))
          assert.strictEqual(answer.text, "HTTP/0.9 400 Invalid HTTP Request.\r\n")
        }
        for (const client of yield* logged(server, 2)) assert.match(client, /^127\.0\.0\.1:/)
      }),
    limit
  )

  it.live(
    "resets a proxy that sends no header, and serves the same one when it does",
    () =>
      Effect.gen(function* () {
        const args = ["--log-format", "json", "--proxy-protocol", "127.0.0.0/8"]
        const server = yield* measured([yield* folderOf, ...args])
        const without = yield* exchange(server.port, "GET /\r\n")
        assert.deepStrictEqual([without.text, without.ending], ["", "reset"])
        assert.strictEqual(total(yield* server.samples, "socket_connections_refused", 'reason="proxy_header"'), 1)
        for (const header of headers) {
          assert.strictEqual((yield* exchange(server.port, header, "GET /\r\n")).text, "<p>Hello")
        }
        assert.deepStrictEqual(yield* logged(server, 2), ["203.0.113.7:4711", "203.0.113.7:4711"])
      }),
    limit
  )
})
