import { assert, describe } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as ServerSocket from "../../src/ServerSocket.ts"
import * as SocketStream from "../../src/SocketStream.ts"
import { server } from "../utils/certificates.ts"
import { live, portOf } from "../utils/live.ts"
import { plainClient } from "../utils/plain.ts"

const upgradeTls = (self: SocketStream.SocketStream) =>
  SocketStream.upgradeTls(self, { side: "server", options: { identity: server, handshakeTimeout: 2000 } })

describe("an upgrade of a connection whose peer has ended its output", () => {
  for (const [when, pause] of [
    ["just now", 0],
    ["some time ago", 50]
  ] as const) {
    for (const early of ["", "no ClientHello"]) {
      live(
        `fails with a typed error (${when}, ${early === "" ? "with nothing" : "with other bytes"} after the go-ahead)`,
        Effect.gen(function* () {
          const listener = yield* ServerSocket.listen(0)
          const peer = yield* plainClient(portOf(listener), { halfOpen: true })
          const self = yield* ServerSocket.accept(listener)
          peer.socket.end(`STARTTLS\n${early}`)
          assert.deepStrictEqual(yield* SocketStream.readLine(self), Option.some("STARTTLS"))
          yield* Effect.sleep(pause)
          const error = yield* Effect.flip(Effect.timeout(upgradeTls(self), 5000))
          assert.strictEqual(error._tag, "NetworkError")
          assert.strictEqual((yield* Effect.flip(SocketStream.read(self))).reason._tag, "Closed")
        })
      )
    }
  }
})
