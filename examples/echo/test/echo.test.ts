import { assert, it } from "vitest"
import { ask, describeWith, example, Process } from "../../test/process.ts"

describeWith("ncat", "the echo server, asked by ncat", () => {
  it("sends everything back, and ends when its client has", async () => {
    await using server = await example("echo", "0")
    const text = "grüße\n".repeat(50_000)
    assert.strictEqual(await ask("ncat", ["127.0.0.1", server.port], text), text)
  })

  it("ends its connections in order and itself when it gets SIGTERM", async () => {
    await using server = await example("echo", "0")
    await using client = new Process("ncat", ["127.0.0.1", server.port])
    client.send("hello\n")
    await client.sees(/hello/)
    assert.strictEqual(await server.end("SIGTERM"), 130)
    client.child.stdin!.end()
    assert.deepStrictEqual([await client.end(), client.output, client.errors], [0, "hello\n", ""])
  })
})
