/**
 * Takes mail for one domain into a folder, with STARTTLS where a certificate and its key are given.
 * `node examples/smtp/main.ts 2525 ./mail example.org cert.pem key.pem`, then
 * `swaks --server 127.0.0.1:2525 --to ada@example.org`.
 */
import * as NodeIdentity from "@effect-sockets/socket/NodeIdentity"
import * as NodeNetwork from "@effect-sockets/socket/NodeNetwork"
import * as Server from "@effect-sockets/socket/Server"
import * as ServerSocket from "@effect-sockets/socket/ServerSocket"
import * as NodeFileSystem from "@effect/platform-node/NodeFileSystem"
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import { Console, Effect } from "effect"
import * as FileSystem from "effect/FileSystem"
import { keep } from "./Folder.ts"
import { session } from "./Session.ts"

const program = Effect.gen(function* () {
  const [, , port = "2525", folder = "mail", domain = "localhost", cert, key] = process.argv
  const identity = cert === undefined || key === undefined ? undefined : yield* NodeIdentity.read({ cert, key })
  yield* FileSystem.FileSystem.use((fs) => fs.makeDirectory(folder, { recursive: true }))
  const listener = yield* ServerSocket.listen(Number(port))
  yield* Console.log(String(listener))
  return yield* Server.serve(listener, session({ domain, identity, deliver: keep(folder) }), {
    maxConnections: 100,
    maxPerPeer: 10,
    readTimeout: "5 minutes",
    maxAge: "30 minutes"
  })
})

program.pipe(Effect.scoped, Effect.provide([NodeNetwork.layer, NodeFileSystem.layer]), NodeRuntime.runMain)
