import { assert, it } from "vitest"
import { ask, describeWith, example } from "../../test/process.ts"

describeWith("curl", "HTTP/1.1 by hand, asked by curl", () => {
  it("says hello", async () => {
    await using server = await example("http", "0")
    assert.strictEqual(await ask("curl", ["-sS", `http://127.0.0.1:${server.port}/`]), "Hello.\n")
  })

  it("says what is wrong with a head that is too long", async () => {
    await using server = await example("http", "0")
    const url = `http://127.0.0.1:${server.port}/`
    const status = await ask("curl", [
      "-sS",
      "-o",
      "/dev/null",
      "-w",
      "%{http_code}",
      "-H",
      `X: ${"x".repeat(9000)}`,
      url
    ])
    assert.strictEqual(status, "431")
  })
})
