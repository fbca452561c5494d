/** This project's socket as a client, with every default. */
import * as NodeResolver from "@effect-sockets/resolver/NodeResolver"
import * as NodeNetwork from "@effect-sockets/socket/NodeNetwork"
import * as SocketStream from "@effect-sockets/socket/SocketStream"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as ManagedRuntime from "effect/ManagedRuntime"
import { connectInLoops } from "./loops.ts"

const once = Effect.fnUntraced(function* (port: number) {
  const stream = yield* SocketStream.open("127.0.0.1", port)
  return yield* SocketStream.readAll(stream)
}, Effect.scoped)

const runtime = ManagedRuntime.make(Layer.merge(NodeNetwork.layer, NodeResolver.layer))

await connectInLoops((port) => runtime.runPromise(Effect.forever(once(port))))
