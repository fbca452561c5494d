import * as Resolver from "@effect-sockets/resolver/Resolver"
import * as MemoryNetwork from "@effect-sockets/socket/MemoryNetwork"
import * as NodeNetwork from "@effect-sockets/socket/NodeNetwork"
import * as ServerSocket from "@effect-sockets/socket/ServerSocket"
import * as SocketStream from "@effect-sockets/socket/SocketStream"
import { splits } from "@effect-sockets/socket/testing/DecoderTests"
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as NetAddress from "effect/net/NetAddress"
import * as Result from "effect/Result"
import * as TestClock from "effect/testing/TestClock"
import { execFile } from "node:child_process"
import { promisify } from "node:util"
import { has } from "../../../test/utils/programs.ts"
import { serve } from "../RedisServer.ts"
import { command } from "../Resp.ts"

const memory = Layer.merge(MemoryNetwork.layer(), Layer.orDie(Resolver.layerStatic({})))

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text)

/** A server on a free port, and what it answers to an input that ends. */
const serving = Effect.gen(function* () {
  const listener = yield* ServerSocket.listen(NetAddress.inetAddressFromStringUnsafe("127.0.0.1:0"))
  yield* Effect.forkScoped(serve(listener))
  const ask = Effect.fnUntraced(function* (input: string) {
    const stream = yield* SocketStream.open(listener.address)
    yield* SocketStream.write(stream, input)
    yield* SocketStream.endWrite(stream)
    return new TextDecoder().decode(yield* SocketStream.readAll(stream))
  }, Effect.scoped)
  const { address } = listener
  return { ask, port: address._tag === "UnixPathAddress" ? 0 : address.port }
})

describe("commands", () => {
  it("are arrays of bulk strings or words on a line, however the network cuts them", () =>
    assert.deepStrictEqual(
      splits(command, bytes("*2\r\n$3\r\nGET\r\n$5\r\nna\r\nm\r\nPING  x\r\n\r\n*0\r\n")),
      Result.succeed([["GET", "na\r\nm"], ["PING", "x"], [], []])
    ))

  it("that ask for the world fail at once", () =>
    assert.deepStrictEqual(
      splits(command, bytes("*999999999\r\n")),
      Result.fail({ _tag: "FrameTooLong", limit: 1024 * 1024 } as const)
    ))
})

describe("the server, in memory", () => {
  it.effect("answers pipelined commands in their order", () =>
    Effect.gen(function* () {
      const { ask } = yield* serving
      const lines = [
        ["PING", "+PONG"],
        ["set a 1", "+OK"],
        ["GET a", "$1\r\n1"],
        ["INCR a", ":2"],
        ["INCR b", ":1"],
        ["DEL a b c", ":2"],
        ["GET a", "$-1"],
        ["SET a x", "+OK"],
        ["INCR a", "-ERR value is not an integer or out of range"],
        ["SET a 9223372036854775807", "+OK"],
        ["INCR a", "-ERR value is not an integer or out of range"],
        ["GET", "-ERR wrong number of arguments for 'get' command"],
        ["constructor", "-ERR unknown command 'constructor'"],
        ["EXPIRE nothing 1", ":0"],
        ["EXPIRE a soon", "-ERR value is not an integer or out of range"]
      ] as const
      const answers = yield* ask(lines.map(([line]) => `${line}\r\n`).join(""))
      assert.strictEqual(answers, lines.map(([, answer]) => `${answer}\r\n`).join(""))
    }).pipe(Effect.scoped, Effect.provide(memory))
  )

  it.effect("says what is wrong with a frame, and ends the connection", () =>
    Effect.gen(function* () {
      const { ask } = yield* serving
      assert.strictEqual(yield* ask("PING\r\n*1\r\n:5\r\nPING\r\n"), "+PONG\r\n-ERR Protocol error\r\n")
    }).pipe(Effect.scoped, Effect.provide(memory))
  )

  it.effect("answers with one line, whatever the command is called", () =>
    Effect.gen(function* () {
      const { ask } = yield* serving
      assert.strictEqual(yield* ask("*1\r\n$6\r\na\r\n+OK\r\n"), "-ERR unknown command 'a  +OK'\r\n")
    }).pipe(Effect.scoped, Effect.provide(memory))
  )

  it.effect("forgets a key when its time is over, and keeps one that was set anew", () =>
    Effect.gen(function* () {
      const { ask } = yield* serving
      yield* ask("SET a 1\r\nSET b 1\r\nEXPIRE a 10\r\nEXPIRE b 10\r\nINCR a\r\nSET b 2\r\n")
      yield* TestClock.adjust(9_999)
      assert.strictEqual(yield* ask("GET a\r\nGET b\r\n"), "$1\r\n2\r\n$1\r\n2\r\n")
      yield* TestClock.adjust(1)
      assert.strictEqual(yield* ask("GET a\r\nGET b\r\n"), "$-1\r\n$1\r\n2\r\n")
    }).pipe(Effect.scoped, Effect.provide(memory))
  )
})

describe.skipIf(!has("redis-benchmark"))("the server, asked by Redis's own programs (needs redis-benchmark)", () => {
  const run = (program: string, ...args: ReadonlyArray<string>) =>
    Effect.promise(() => promisify(execFile)(program, args, { timeout: 60_000 })).pipe(
      Effect.map(({ stdout }) => stdout.trim())
    )

  it.live("answers redis-cli", () =>
    Effect.gen(function* () {
      const { port } = yield* serving
      const cli = (...args: ReadonlyArray<string>) => run("redis-cli", "-p", String(port), ...args)
      assert.strictEqual(yield* cli("set", "key", "grüße"), "OK")
      assert.strictEqual(yield* cli("--raw", "get", "key"), "grüße")
      assert.strictEqual(yield* cli("incr", "n"), "1")
      assert.strictEqual(yield* cli("expire", "key", "-1"), "1")
      assert.strictEqual(yield* cli("get", "key"), "")
      assert.include(yield* cli("what"), "ERR unknown command")
    }).pipe(Effect.scoped, Effect.provide(NodeNetwork.layer))
  )

  it.live("answers redis-benchmark, one at a time and pipelined", () =>
    Effect.gen(function* () {
      const { port } = yield* serving
      for (const depth of [1, 16]) {
        const output = yield* run(
          "redis-benchmark",
          ...`-p ${port} -n 2000 -c 20 -P ${depth} -t ping,set,get,incr -q`.split(" ")
        )
        for (const test of ["PING_INLINE", "PING_MBULK", "SET", "GET", "INCR"]) {
          assert.match(output, new RegExp(`${test}: [0-9.]+ requests per second`))
        }
      }
    }).pipe(Effect.scoped, Effect.provide(NodeNetwork.layer))
  )
})
