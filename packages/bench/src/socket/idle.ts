/**
 * Idle connections: how many one process holds, what each costs above an empty server, and how long the server takes to
 * stop with a thousand of them. The clients are another process, so that only the server's memory is counted.
 *
 *     node --expose-gc packages/bench/src/socket/idle.ts [connections]
 */
import * as Effect from "effect/Effect"
import type * as NetAddress from "effect/net/NetAddress"
import * as Stream from "effect/Stream"
import { fork } from "node:child_process"
import { once } from "node:events"
import * as Net from "node:net"
import * as NodeNetwork from "@effect-sockets/socket/NodeNetwork"
import * as Server from "@effect-sockets/socket/Server"
import * as ServerSocket from "@effect-sockets/socket/ServerSocket"
import * as SocketStream from "@effect-sockets/socket/SocketStream"

const clients = (port: number, count: number): void => {
  let open = 0
  const connect = (): void => {
    if (open === count) {
      process.send?.("ready")
      return
    }
    open++
    Net.connect({ port, host: "127.0.0.1", allowHalfOpen: true }, connect).on("error", () => process.exit(1))
  }
  connect()
}

/** Memory in use, after the collector has taken the rest. */
const memory = Effect.gen(function* () {
  for (let i = 0; i < 3; i++) {
    globalThis.gc?.()
    yield* Effect.sleep(50)
  }
  return process.memoryUsage().rss
})

const echo = (stream: SocketStream.SocketStream) =>
  Stream.runForEach(SocketStream.chunks(stream), (chunk) => SocketStream.write(stream, chunk))

const held = (count: number) =>
  Effect.scoped(
    Effect.gen(function* () {
      const socket = yield* ServerSocket.listen(0)
      const server = yield* Server.start(socket, echo, { maxConnections: count })
      const { port } = socket.address as NetAddress.InetAddress
      const before = yield* memory
      const child = fork(import.meta.filename, ["clients", String(port), String(count)], { execArgv: [] })
      yield* Effect.promise(() => once(child, "message"))
      while ((yield* server.connections) < count) yield* Effect.sleep(10)
      const each = ((yield* memory) - before) / count
      const start = performance.now()
      const report = yield* server.stop
      const millis = performance.now() - start
      child.kill()
      yield* Effect.promise(() => once(child, "exit"))
      return { connections: count, bytesEach: Math.round(each), stopMillis: Math.round(millis), ...report }
    })
  )

if (process.argv[2] === "clients") clients(Number(process.argv[3]), Number(process.argv[4]))
else {
  const most = Number(process.argv[2] ?? 10_000)
  const program = Effect.gen(function* () {
    // The first round warms up: what is compiled and cached then stays.
    for (const count of [1000, 1000, most]) console.log(yield* held(count))
  })
  Effect.runPromise(Effect.provide(program, NodeNetwork.layer))
}
