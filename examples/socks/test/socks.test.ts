import { assert, it } from "vitest"
import { ask, describeWith, example } from "../../test/process.ts"

describeWith("curl", "the SOCKS5 proxy, asked by curl", () => {
  it("reaches what is allowed, by address and by a name that it resolves itself", async () => {
    await using server = await example("http", "0")
    await using proxy = await example("socks", "0", "127.0.0.0/8")
    for (const [option, host] of [
      ["--socks5", "127.0.0.1"],
      ["--socks5-hostname", "localhost"]
    ]) {
      const args = ["-sS", option, `127.0.0.1:${proxy.port}`, `http://${host}:${server.port}/`]
      assert.strictEqual(await ask("curl", args), "Hello.\n")
    }
    assert.strictEqual(await proxy.end("SIGTERM"), 130)
  })

  it("is no open relay: what is not allowed is refused, also behind a name", async () => {
    await using server = await example("http", "0")
    await using proxy = await example("socks", "0", "192.0.2.0/24")
    for (const host of ["127.0.0.1", "localhost", "[::ffff:127.0.0.1]"]) {
      const args = ["-sS", "--socks5-hostname", `127.0.0.1:${proxy.port}`, `http://${host}:${server.port}/`]
      assert.match(await ask("curl", args).catch(String), /ended with 97:[^]*\(2\)/)
    }
  })

  it("says that nobody listens there", async () => {
    await using proxy = await example("socks", "0", "127.0.0.0/8")
    const args = ["-sS", "--socks5", `127.0.0.1:${proxy.port}`, "http://127.0.0.1:1/"]
    assert.match(await ask("curl", args).catch(String), /ended with 97:[^]*\(5\)/)
  })
})
