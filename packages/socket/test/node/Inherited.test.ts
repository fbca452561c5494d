import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as NetAddress from "effect/net/NetAddress"
import { execFile, spawn } from "node:child_process"
import * as Net from "node:net"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import * as MemoryNetwork from "../../src/MemoryNetwork.ts"
import { make, Network } from "../../src/Network.ts"
import * as Server from "../../src/Server.ts"
import * as ServerSocket from "../../src/ServerSocket.ts"
import * as SocketStream from "../../src/SocketStream.ts"
import { folder } from "../utils/folders.ts"
import { live, portOf, text } from "../utils/live.ts"

const fixture = fileURLToPath(new URL("../fixtures/inherited.ts", import.meta.url))

/** Opens one descriptor of each kind, says which is which, and becomes the program that it is told. */
const launcher = `
import os, socket, sys
held = []
def keep(name, it):
    held.append((name, it))
    return it
def tcp(family=socket.AF_INET, host="127.0.0.1"):
    s = socket.socket(family)
    s.bind((host, 0))
    return s
keep("listening", tcp()).listen()
keep("six", tcp(socket.AF_INET6, "::1")).listen()
keep("bound", tcp())
keep("unbound", socket.socket())
peer = tcp()
peer.listen()
keep("connected", socket.create_connection(peer.getsockname()))
unix = keep("unix", socket.socket(socket.AF_UNIX))
unix.bind(sys.argv[1])
unix.listen()
abstract = keep("abstract", socket.socket(socket.AF_UNIX))
abstract.bind("\\0" + sys.argv[1])
abstract.listen()
keep("datagrams", socket.socket(socket.AF_INET, socket.SOCK_DGRAM)).bind(("127.0.0.1", 0))
keep("file", open("/dev/null"))
keep("pipe", os.fdopen(os.pipe()[0]))
for name, it in held:
    os.set_inheritable(it.fileno(), True)
again = held[0][1].fileno()
names = [f"{name}={it.fileno()}" for name, it in held] + [f"again={again}", "closed=999", "output=1", "none=1.5"]
os.execvp(sys.argv[2], sys.argv[2:] + names)
`

/** A process that serves a descriptor, listening: its number, and its end. */
const serving = (descriptor: number) =>
  Effect.acquireRelease(
    Effect.callback<{ readonly pid: number; readonly end: Effect.Effect<number> }>((resume) => {
      const child = spawn(process.execPath, [fixture, "serve", "3"], {
        stdio: ["pipe", "pipe", "inherit", descriptor]
      })
      const end = Effect.callback<number>((resume) => {
        if (child.exitCode !== null || child.signalCode !== null) return resume(Effect.succeed(child.exitCode ?? -1))
        child.once("close", (code) => resume(Effect.succeed(code ?? -1)))
        child.stdin?.end()
      })
      child.stdout?.once("data", () => resume(Effect.succeed({ pid: child.pid ?? 0, end })))
    }),
    ({ end }) => end
  )

const ask = (listener: ServerSocket.ServerSocket) =>
  Effect.scoped(
    Effect.flatMap(SocketStream.open("127.0.0.1", portOf(listener)), (stream) =>
      Effect.map(SocketStream.readAll(stream), (answer) => Number(text(answer)))
    )
  )

describe("ServerSocket.fromDescriptor", () => {
  live(
    "takes TCP and Unix-domain sockets, and fails with words for what cannot listen (needs python3)",
    Effect.gen(function* () {
      const path = join(yield* folder, "socket")
      const args = ["-c", launcher, path, process.execPath, fixture, "try"]
      const printed = yield* Effect.callback<string>((resume) => {
        execFile("python3", args, { timeout: 8000 }, (error, stdout) =>
          resume(error === null ? Effect.succeed(stdout) : Effect.die(error))
        )
      })
      const outcomes = JSON.parse(printed) as Record<string, string>
      const told = Object.entries(outcomes).map(([name, outcome]) => [
        name,
        outcome.replace(/^listen descriptor [\d.]+: invalid address: /, "").replace(/:\d+$/, ":port")
      ])
      assert.deepStrictEqual(Object.fromEntries(told), {
        listening: "127.0.0.1:port",
        six: "[::1]:port",
        bound: "127.0.0.1:port",
        unbound: "it is a socket that is bound to no port",
        connected: "it is a socket that cannot listen",
        unix: path,
        abstract: `\0${path}`,
        datagrams: "it is a socket that cannot listen",
        file: "it is not a socket",
        pipe: "it is not a socket",
        again: "this process uses it already",
        closed: "it is not open",
        output: "it is not an integer from 3 to 2147483647",
        none: "it is not an integer from 3 to 2147483647"
      })
    })
  )

  live(
    "two processes serve one port from one queue, and each goes on when the other has closed it",
    Effect.gen(function* () {
      const listener = yield* ServerSocket.listen(0)
      const other = yield* serving(listener.descriptor ?? -1)
      const server = yield* Server.start(listener, SocketStream.write(String(process.pid)))
      const both = yield* Effect.replicateEffect(ask(listener), 100, { concurrency: 10 })
      assert.isTrue(both.every((pid) => pid === process.pid || pid === other.pid))
      yield* server.stop
      assert.isUndefined(listener.descriptor)
      const rest = yield* Effect.replicateEffect(ask(listener), 20, { concurrency: 10 })
      assert.deepStrictEqual([...new Set(rest)], [other.pid])
      assert.strictEqual(yield* other.end, 0)
      const error = yield* Effect.flip(ask(listener))
      assert.strictEqual("reason" in error && error.reason._tag, "ConnectionRefused")
    })
  )

  live(
    "connections that come while nobody accepts wait for the process that does",
    Effect.gen(function* () {
      const listener = yield* ServerSocket.listen(0)
      const other = yield* serving(listener.descriptor ?? -1)
      process.kill(other.pid, "SIGSTOP")
      yield* ServerSocket.close(listener)
      const stream = yield* SocketStream.open("127.0.0.1", portOf(listener))
      process.kill(other.pid, "SIGCONT")
      assert.strictEqual(Number(text(yield* SocketStream.readAll(stream))), other.pid)
    })
  )

  for (const [whose, isShared] of [
    ["of its own, opened with reusePort", false],
    ["that it shares by an inherited descriptor", true]
  ] as const) {
    live(
      `a process that ends ${isShared ? "resets nobody" : "resets those"} in a queue ${whose}`,
      Effect.gen(function* () {
        const listener = yield* ServerSocket.listen(0, { reusePort: true, lingerTimeout: 50 })
        yield* Server.start(listener, SocketStream.write("hello"))
        const bound = new Net.BoundSocket({ host: "127.0.0.1", port: portOf(listener), reusePort: true })
        const other = yield* serving(isShared ? (listener.descriptor ?? -1) : bound.fd())
        bound.close()
        process.kill(other.pid, "SIGSTOP")
        // As many as there are, the kernel gives some of them to each of the two sockets.
        const streams = yield* Effect.replicateEffect(
          SocketStream.open("127.0.0.1", portOf(listener), { lingerTimeout: 50 }),
          40
        )
        process.kill(other.pid, "SIGKILL")
        const answers = yield* Effect.forEach(streams, (stream) =>
          Effect.match(SocketStream.readAll(stream), { onSuccess: text, onFailure: ({ reason }) => reason._tag })
        )
        assert.deepStrictEqual([...new Set(answers)].sort(), isShared ? ["hello"] : ["ConnectionReset", "hello"])
      })
    )
  }

  it.effect("a descriptor that was closed for a while is not opened again: its number may be another's by then", () => {
    const address = NetAddress.inetAddressUnsafe(NetAddress.ipv4Loopback, 80)
    const withDescriptors = Effect.map(Network, (network) =>
      make({ ...network, listenOn: (descriptor) => Effect.succeed({ address, close: Effect.void, descriptor }) })
    )
    return Effect.gen(function* () {
      const socket = yield* ServerSocket.fromDescriptor(5)
      assert.strictEqual(socket.descriptor, 5)
      yield* ServerSocket.suspend(socket)
      assert.isUndefined(socket.descriptor)
      const error = yield* Effect.flip(ServerSocket.resume(socket))
      assert.strictEqual(
        error.message,
        "listen descriptor 5: not supported: a descriptor that was closed is not opened again"
      )
    }).pipe(Effect.scoped, Effect.provideServiceEffect(Network, withDescriptors), Effect.provide(MemoryNetwork.layer()))
  })

  it.effect("is not supported in memory", () =>
    Effect.gen(function* () {
      const error = yield* Effect.flip(ServerSocket.fromDescriptor(3))
      assert.strictEqual(error.message, "listen descriptor 3: not supported: descriptors on this network")
    }).pipe(Effect.scoped, Effect.provide(MemoryNetwork.layer()))
  )
})
