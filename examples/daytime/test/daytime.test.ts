import { assert, it } from "vitest"
import { ask, describeWith, example } from "../../test/process.ts"

describeWith("ncat", "the daytime server, asked by ncat", () => {
  it("says the time, and ends", async () => {
    await using server = await example("daytime", "0")
    const before = Date.now()
    const text = await ask("ncat", ["127.0.0.1", server.port])
    assert.match(text, /Z\r\n$/)
    const time = Date.parse(text.trim())
    assert.isAtLeast(time, before)
    assert.isAtMost(time, Date.now())
  })
})
