import { assert, describe } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { mkdirSync, renameSync, rmSync, symlinkSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import type { NetworkError } from "../../src/NetworkError.ts"
import * as NodeIdentity from "../../src/NodeIdentity.ts"
import * as ServerSocket from "../../src/ServerSocket.ts"
import * as SocketStream from "../../src/SocketStream.ts"
import type * as Tls from "../../src/Tls.ts"
import { authority, other, server } from "../utils/certificates.ts"
import { folder } from "../utils/folders.ts"
import { live } from "../utils/live.ts"
import { until } from "../utils/plain.ts"

/** Writes both files, one after the other, as a renewal tool does. */
const renew = (folder: string, { cert, key }: Tls.Identity): void => {
  writeFileSync(join(folder, "cert.pem"), cert)
  writeFileSync(join(folder, "key.pem"), key)
}

/** Files in a folder with the first identity, and a source that follows them. */
const watched = Effect.fnUntraced(function* (inside: string, every: number | "1 minute" = "1 minute") {
  const errors: Array<NetworkError> = []
  const source = yield* NodeIdentity.watch(
    { cert: join(inside, "cert.pem"), key: join(inside, "key.pem") },
    { every, onError: (error) => Effect.sync(() => void errors.push(error)) }
  )
  return { errors, source, shows: (identity: Tls.Identity) => until(() => source.current().cert === identity.cert) }
})

describe("an identity in files", () => {
  live(
    "that are written again is shown to the next client, and a broken one is reported and not taken",
    Effect.gen(function* () {
      const inside = yield* folder
      renew(inside, server)
      const { errors, shows, source } = yield* watched(inside)
      const listener = yield* ServerSocket.listen(0, { tls: { identity: source }, lingerTimeout: 100 })
      const seen = Effect.scoped(
        Effect.gen(function* () {
          const tls = { ca: authority, servername: "other.test", rejectUnauthorized: false }
          const near = yield* SocketStream.open(listener.address, { tls, lingerTimeout: 100 })
          yield* ServerSocket.accept(listener)
          return (yield* SocketStream.handshake(near)).peerSubject
        })
      )
      assert.strictEqual(yield* seen, "CN=socket.test")
      writeFileSync(join(inside, "cert.pem"), "half a certif")
      yield* until(() => errors.length === 1)
      assert.match(errors[0].message, /^tls identity: TLS: /)
      assert.strictEqual(yield* seen, "CN=socket.test")
      renew(inside, other)
      yield* shows(other)
      assert.strictEqual(yield* seen, "CN=other.test")
    })
  )

  live(
    "that are replaced by others of their names, or by links to others",
    Effect.gen(function* () {
      const inside = yield* folder
      for (const [name, identity] of [
        ["1", server],
        ["2", other]
      ] as const) {
        mkdirSync(join(inside, name))
        renew(join(inside, name), identity)
      }
      const link = (name: string): void => {
        for (const file of ["cert.pem", "key.pem"]) {
          symlinkSync(join(name, file), join(inside, "new"))
          renameSync(join(inside, "new"), join(inside, file))
        }
      }
      link("1")
      const { errors, shows } = yield* watched(inside)
      link("2")
      yield* shows(other)
      link("1")
      yield* shows(server)
      assert.deepStrictEqual(errors, [])
    })
  )

  live(
    "in a folder that cannot be watched any more are read from time to time",
    Effect.gen(function* () {
      const inside = join(yield* folder, "inside")
      mkdirSync(inside)
      renew(inside, server)
      const { errors, shows, source } = yield* watched(inside, 50)
      rmSync(inside, { recursive: true })
      yield* until(() => errors.length > 0)
      assert.strictEqual(source.current().cert, server.cert)
      mkdirSync(inside)
      renew(inside, other)
      yield* shows(other)
    })
  )

  live(
    "that are not there fail by their path",
    Effect.gen(function* () {
      const inside = yield* folder
      const error = yield* Effect.flip(watched(inside))
      assert.match(error.message, /^tls .*(cert|key)\.pem: ENOENT/)
    })
  )
})
