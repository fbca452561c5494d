import { assert, it } from "vitest"
import { ask, describeWith, example } from "../../test/process.ts"

describeWith("curl", "the port forwarder, between curl and a server", () => {
  it("carries a request there and its response back", async () => {
    await using server = await example("http", "0")
    await using forwarder = await example("forward", "0", "127.0.0.1", server.port)
    assert.strictEqual(await ask("curl", ["-sS", `http://127.0.0.1:${forwarder.port}/`]), "Hello.\n")
    assert.strictEqual(await forwarder.end("SIGTERM"), 130)
  })

  it("resets a client whose target is not there", async () => {
    // Nobody has port 1.
    await using forwarder = await example("forward", "0", "127.0.0.1", "1")
    const outcome = await ask("curl", ["-sS", `http://127.0.0.1:${forwarder.port}/`]).catch(String)
    assert.match(outcome, /ended with 56:[^]*reset/i)
  })
})
