import * as SocketStream from "@effect-sockets/socket/SocketStream"
import * as SocketPair from "@effect-sockets/socket/testing/SocketPair"
import { assert, it } from "@effect/vitest"
import { Effect, Fiber, Stream } from "effect"
import { describeWith, example, Process } from "../../test/process.ts"
import { chat } from "../Chat.ts"
import { Rooms } from "../Rooms.ts"

it.effect("who does not read is dropped, and the others miss nothing", () =>
  Effect.gen(function* () {
    const rooms = new Rooms()
    const enter = Effect.fnUntraced(function* (name: string) {
      const [client, server] = yield* SocketPair.make()
      const talk = yield* Effect.forkChild(chat(rooms)(server))
      yield* SocketStream.writeLine(client, `${name} lobby`)
      yield* SocketStream.readLine(client)
      yield* SocketStream.readLine(client)
      return { client, talk }
    })
    const deaf = yield* enter("deaf")
    const { client } = yield* enter("ada")
    const text = "x".repeat(400)
    for (let i = 0; i < 2000; i++) {
      yield* SocketStream.writeLine(client, text)
      const heard = yield* SocketStream.lines(client).pipe(
        Stream.filter((line) => line.startsWith("ada: ")),
        Stream.runHead
      )
      assert.strictEqual(heard._tag === "Some" && heard.value, `ada: ${text}`)
    }
    assert.strictEqual((yield* Effect.flip(Fiber.join(deaf.talk)))._tag, "TooSlow")
  }).pipe(Effect.scoped)
)

it.effect("who says much at once drives nobody out who reads", () =>
  Effect.gen(function* () {
    const rooms = new Rooms()
    const enter = Effect.fnUntraced(function* (name: string) {
      const [client, server] = yield* SocketPair.make()
      yield* Effect.forkChild(chat(rooms)(server))
      yield* SocketStream.writeLine(client, `${name} lobby`)
      return client
    })
    const reader = yield* enter("reader")
    const talker = yield* enter("talker")
    yield* SocketStream.write(talker, "x\r\n".repeat(1000))
    for (const client of [reader, talker]) {
      const heard = yield* SocketStream.lines(client).pipe(
        Stream.filter((line) => line === "talker: x"),
        Stream.take(1000),
        Stream.runCount
      )
      assert.strictEqual(heard, 1000)
    }
  }).pipe(Effect.scoped)
)

describeWith("ncat", "the chat, with several ncat", () => {
  it("what is said in a room is heard in it and nowhere else", async () => {
    await using server = await example("chat", "0")
    const enter = async (name: string, room: string) => {
      const client = new Process("ncat", ["127.0.0.1", server.port])
      client.send(`${name} ${room}\n`)
      await client.sees(new RegExp(`${name} is here`))
      return client
    }
    await using ada = await enter("ada", "lobby")
    await using bob = await enter("bob", "lobby")
    await using eve = await enter("eve", "cellar")
    ada.send("hello \u001B[31mbob\n")
    await bob.sees(/ada: hello \[31mbob/)
    bob.child.stdin!.end()
    await ada.sees(/bob has left/)
    eve.send("anybody?\n")
    await eve.sees(/eve: anybody/)
    assert.notInclude(eve.output, "hello")
    assert.notInclude(ada.output, "anybody")
    const stopping = server.end("SIGTERM")
    ada.child.stdin!.end()
    eve.child.stdin!.end()
    assert.deepStrictEqual([await stopping, await ada.end(), await eve.end(), ada.errors], [130, 0, 0, ""])
  })

  it("a line that is too long, a name that is taken and a first line that is none end with a word", async () => {
    await using server = await example("chat", "0")
    const said = async (input: string, pattern: RegExp) => {
      await using client = new Process("ncat", ["127.0.0.1", server.port])
      client.send(input)
      const [words] = await client.sees(pattern)
      return words
    }
    await using ada = new Process("ncat", ["127.0.0.1", server.port])
    ada.send("ada lobby\n")
    await ada.sees(/ada is here/)
    assert.strictEqual(await said("ada lobby\n", /taken/), "taken")
    assert.strictEqual(await said(`bob lobby\n${"x".repeat(600)}\n`, /too long/), "too long")
    assert.strictEqual(await said("what a room\n", /Two words/), "Two words")
  })
})
