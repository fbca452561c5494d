import * as Resolver from "@effect-sockets/resolver/Resolver"
import * as NodeNetwork from "@effect-sockets/socket/NodeNetwork"
import * as SocketStream from "@effect-sockets/socket/SocketStream"
import * as SocketPair from "@effect-sockets/socket/testing/SocketPair"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer } from "effect"
import * as fs from "node:fs"
import * as os from "node:os"
import * as path from "node:path"
import * as certificates from "../../../packages/socket/test/utils/certificates.ts"
import { ask, describeWith, example } from "../../test/process.ts"
import { type Mail, session } from "../Session.ts"

/** A folder for mail, with the server's certificate and its authority beside it. */
const prepared = () => {
  const root = fs.mkdtempSync(path.join(os.tmpdir(), "smtp-"))
  const file = (name: string, text: unknown) => {
    fs.writeFileSync(path.join(root, name), String(text))
    return path.join(root, name)
  }
  // It is not there yet: the server makes it.
  const mail = path.join(root, "mail")
  const files = [
    file("cert.pem", certificates.server.cert),
    file("key.pem", certificates.server.key),
    file("authority.pem", certificates.authority)
  ] as const
  return {
    files,
    mail,
    messages: () => fs.readdirSync(mail).map((name) => fs.readFileSync(path.join(mail, name), "utf8")),
    start: () => example("smtp", "0", mail, "example.org", files[0], files[1]),
    [Symbol.dispose]: () => fs.rmSync(root, { recursive: true })
  }
}

describe("the session", () => {
  /** What the server answers to an input, the first four letters of each line, and the mail that it kept. */
  const dialogue = Effect.fnUntraced(function* (input: string) {
    const kept: Array<Mail> = []
    const [client, server] = yield* SocketPair.make()
    const deliver = (mail: Mail) => Effect.sync(() => void kept.push(mail))
    yield* Effect.forkChild(
      Effect.andThen(session({ domain: "example.org", deliver })(server), SocketStream.close(server))
    )
    yield* SocketStream.write(client, input)
    yield* SocketStream.endWrite(client)
    const text = String(Buffer.from(yield* SocketStream.readAll(client)))
    const codes = text.split("\r\n").flatMap((line) => (/^\d\d\d( |$)/.test(line) ? [line.slice(0, 3)] : []))
    return { codes: codes.slice(1).join(" "), kept: kept.map(({ content, to }) => [to, String(Buffer.from(content))]) }
  }, Effect.scoped)

  const begin = "EHLO me\r\nMAIL FROM:<a@b>\r\nRCPT TO:<ada@example.org>\r\nDATA\r\n"

  it.effect("takes the dots away that were put before dots", () =>
    Effect.gen(function* () {
      const { codes, kept } = yield* dialogue(`${begin}..one\r\n.two\r\n...\r\n.\r\nQUIT\r\n`)
      assert.strictEqual(codes, "250 250 250 354 250 221")
      assert.match(String(kept[0][1]), /\r\n\.one\r\ntwo\r\n\.\.\r\n$/)
    })
  )

  it.effect("ends a message at CR LF . CR LF only: no second one is smuggled in behind a lone LF", () =>
    Effect.gen(function* () {
      for (const end of ["\n.\n", "\n.\r\n", "\r.\r\n"]) {
        const { codes, kept } = yield* dialogue(`${begin}text${end}MAIL FROM:<c@d>\r\n.\r\nQUIT\r\n`)
        assert.deepStrictEqual([codes, kept], ["250 250 250 354 550", []])
      }
    })
  )

  it.effect("has bounds: the message, announced or not, recipients, their domain, lines, errors", () =>
    Effect.gen(function* () {
      const codes = (input: string) => Effect.map(dialogue(input), ({ codes, kept }) => [codes, kept.length])
      const line = `${"x".repeat(998)}\r\n`
      assert.deepStrictEqual(yield* codes(`${begin}${line.repeat(1049)}.\r\nQUIT\r\n`), ["250 250 250 354 552", 0])
      assert.deepStrictEqual(yield* codes(`${begin}${line.repeat(1048)}.\r\nQUIT\r\n`), ["250 250 250 354 250 221", 1])
      assert.deepStrictEqual(yield* codes("EHLO me\r\nMAIL FROM:<a@b> SIZE=1048577\r\nQUIT\r\n"), ["250 552 221", 0])
      assert.deepStrictEqual(yield* codes("EHLO me\r\nMAIL FROM:<a@b>\r\nRCPT TO:<a@other.org>\r\nQUIT\r\n"), [
        "250 250 550 221",
        0
      ])
      const many = "RCPT TO:<ada@example.org>\r\n".repeat(21)
      const [crowd] = yield* codes(`EHLO me\r\nMAIL FROM:<a@b>\r\n${many}QUIT\r\n`)
      assert.strictEqual(crowd, `250 250${" 250".repeat(20)} 452 221`)
      assert.deepStrictEqual(yield* codes(`NOOP ${"x".repeat(600)}\r\n`), ["500", 0])
      assert.deepStrictEqual(yield* codes("WHAT\r\n".repeat(20)), [`${"500 ".repeat(10)}421`, 0])
    })
  )

  it.effect("knows its domain in capitals, and takes no address with control characters", () =>
    Effect.gen(function* () {
      const [client, server] = yield* SocketPair.make()
      yield* Effect.forkChild(
        Effect.andThen(
          session({ domain: "Example.ORG", deliver: () => Effect.void })(server),
          SocketStream.close(server)
        )
      )
      yield* SocketStream.write(
        client,
        "EHLO me\r\nMAIL FROM:<a\x1b[2J@b>\r\nMAIL FROM:<a@b\0>\r\nMAIL FROM:<a@b>\r\nRCPT TO:<ada@EXAMPLE.org>\r\nQUIT\r\n"
      )
      yield* SocketStream.endWrite(client)
      const text = String(Buffer.from(yield* SocketStream.readAll(client)))
      const codes = [...text.matchAll(/^(\d\d\d) /gm)].map(([, code]) => code)
      assert.deepStrictEqual(codes, ["220", "250", "501", "501", "250", "250", "221"])
    }).pipe(Effect.scoped)
  )

  it.effect("keeps an order, and forgets with RSET", () =>
    Effect.gen(function* () {
      const { codes } = yield* dialogue(
        "MAIL FROM:<a@b>\r\nHELO me\r\nRCPT TO:<ada@example.org>\r\nMAIL FROM:<>\r\nMAIL FROM:<a@b>\r\nRSET\r\nDATA\r\nNOOP\r\nSTARTTLS\r\n"
      )
      assert.strictEqual(codes, "503 250 503 250 503 250 503 250 503")
    })
  )
})

it.live("what was sent in clear behind STARTTLS is never taken for said under TLS (CVE-2011-0411)", () =>
  Effect.gen(function* () {
    using folder = prepared()
    const server = yield* Effect.acquireRelease(
      Effect.promise(() => folder.start()),
      (server) => Effect.promise(() => server[Symbol.asyncDispose]())
    )
    const begin = Effect.fnUntraced(function* (behind: string) {
      const stream = yield* SocketStream.open("127.0.0.1", Number(server.port))
      yield* SocketStream.readLine(stream)
      yield* SocketStream.write(stream, `STARTTLS\r\n${behind}`)
      yield* SocketStream.readLine(stream)
      const options = { servername: "localhost", ca: certificates.authority }
      yield* SocketStream.upgradeTls(stream, { side: "client", options })
      yield* SocketStream.writeLine(stream, "NOOP")
      return yield* SocketStream.readLine(stream)
    }, Effect.scoped)
    assert.strictEqual((yield* Effect.flip(begin("RSET\r\n"))).operation, "tls")
    assert.strictEqual(String(yield* begin("")), 'some("250 2.0.0 OK")')
  }).pipe(Effect.scoped, Effect.provide(Layer.merge(NodeNetwork.layer, Layer.orDie(Resolver.layerStatic({})))))
)

describeWith("curl", "the mail server, asked by curl", () => {
  it("takes a message under TLS", async () => {
    using folder = prepared()
    await using server = await folder.start()
    const envelope = ["--mail-from", "bob@example.com", "--mail-rcpt", "ada@example.org"]
    const args = ["-sS", "--ssl-reqd", "--cacert", folder.files[2], ...envelope, "-T", "-"]
    await ask("curl", [...args, `smtp://localhost:${server.port}`], "Subject: hi\r\n\r\n.dot\r\n")
    const [message] = folder.messages()
    assert.match(
      message,
      /^Return-Path: <bob@example.com>\r\nReceived: from \S+ \(.*\) with ESMTPS\r\nSubject: hi\r\n\r\n\.dot\r\n$/
    )
    assert.strictEqual(await server.end("SIGTERM"), 130)
  })
})

describeWith("swaks", "the mail server, asked by swaks", () => {
  it("takes a message for its domain, and none for others", async () => {
    using folder = prepared()
    await using server = await folder.start()
    const swaks = (...args: ReadonlyArray<string>) =>
      ask("swaks", ["--server", "127.0.0.1", "--port", server.port, "--from", "bob@example.com", ...args])
    await swaks("--to", "ada@example.org")
    assert.strictEqual(folder.messages().length, 1)
    assert.match(await swaks("--to", "ada@elsewhere.org").catch(String), /550 5\.7\.1/)
    assert.strictEqual(folder.messages().length, 1)
  })
})
