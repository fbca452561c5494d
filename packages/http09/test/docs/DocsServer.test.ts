import * as NodeNetwork from "@effect-sockets/socket/NodeNetwork"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer } from "effect"
import * as AccessLog from "../../src/AccessLog.ts"
import * as DocumentRoot from "../../src/DocumentRoot.ts"
import * as Http09Server from "../../src/Http09Server.ts"
import * as Site from "../../src/NodeDocumentRoot.ts"
import { temporary, write } from "../utils/folders.ts"
import { exchange } from "../utils/raw.ts"
import { listening, portOf } from "../utils/servers.ts"

// The examples of docs/http09.md on the server, word for word. Their folder and their console stand elsewhere here.

let folder = ""
const NodeDocumentRoot = {
  layer: (_: string, options: Site.Options) => Layer.suspend(() => Site.layer(folder, options))
}

const lines: Array<string> = []
const Console = { log: (line: string) => Effect.sync(() => lines.push(line)).pipe(Effect.asVoid) }

const everything = NodeDocumentRoot.layer("public", { listing: true, dotfiles: true })

const logged = Http09Server.layer({
  address: 0,
  observe: (event) => {
    const line = AccessLog.format(event, "common")
    return line === undefined ? Effect.void : Console.log(line)
  }
})

describe("docs/http09.md, the server", () => {
  it.live("lists folders and hides nothing, if it is told so", () =>
    Effect.gen(function* () {
      folder = yield* temporary
      yield* write(folder, { ".dot": "seen", "below/a b": "a b" })
      const port = yield* listening(everything)
      const page = (yield* exchange(port, "GET /\r\n")).text
      assert.include(page, '<a href="/.dot">.dot</a>')
      assert.include(page, '<a href="/below/">below/</a>')
      assert.include((yield* exchange(port, "GET /below\r\n")).text, '<a href="/below/a%20b">a b</a>')
    }).pipe(Effect.scoped)
  )

  it.live("logs each request when it has ended", () =>
    Effect.gen(function* () {
      const root = DocumentRoot.layerMemory({ "/a": "1234" })
      const context = yield* Layer.build(Layer.provide(logged, [NodeNetwork.layer, root]))
      const { address } = yield* Effect.provideContext(Http09Server.Http09Server, context)
      yield* exchange(portOf(address), "GET /a HTTP/0.9\r\n")
      assert.strictEqual(lines.length, 1)
      assert.match(lines[0], /^127\.0\.0\.1 - - \[\d\d\/\w{3}\/\d{4}:[\d:]{8} \+0000\] "GET \/a" 200 4$/)
    }).pipe(Effect.scoped)
  )
})
