/**
 * `http09 get`: a document's bytes on standard output.
 */
import * as NodeResolver from "@effect-sockets/resolver/NodeResolver"
import * as NodeNetwork from "@effect-sockets/socket/NodeNetwork"
import * as Argument from "effect/cli/Argument"
import * as Command from "effect/cli/Command"
import * as Flag from "effect/cli/Flag"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Stream from "effect/Stream"
import * as Http09Client from "../Http09Client.ts"
import * as NodeOutput from "../internal/NodeOutput.ts"
import { isPort, portRange, withoutBrackets } from "./common.ts"

/** `http09 get`. */
export const get = Command.make(
  "get",
  {
    host: Argument.String("host").pipe(
      Argument.withDescription("The server's name or address"),
      Argument.map(withoutBrackets)
    ),
    port: Argument.Int("port").pipe(
      Argument.withDescription("The server's port"),
      Argument.filter(isPort(1), portRange(1))
    ),
    path: Argument.String("path").pipe(Argument.withDescription("What to get, from /")),
    dialect: Flag.Literals("dialect", ["book", "1991"]).pipe(
      Flag.withDescription("Send GET path HTTP/0.9 (book) or GET path (1991)"),
      Flag.withDefault("book")
    )
  },
  ({ host, port, path, dialect }) =>
    Http09Client.get({
      host,
      port,
      path,
      dialect,
      observe: (event) =>
        NodeOutput.tell(
          event._tag === "Sending"
            ? `> Sending request to ${host.includes(":") ? `[${host}]` : host}:${port}...`
            : "> Received response:"
        )
    }).pipe(
      Stream.runForEach(NodeOutput.write),
      Effect.provide(Layer.provide(Http09Client.layer, [NodeNetwork.layer, NodeResolver.layer]))
    )
).pipe(
  Command.withDescription("Get a document; its bytes go to standard output"),
  Command.withExamples([
    { command: "http09 get 127.0.0.1 8080 /", description: "Print the page at /" },
    { command: "http09 get localhost 8080 /sockets.png > sockets.png", description: "Save a picture" }
  ])
)
