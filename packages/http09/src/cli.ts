#!/usr/bin/env node
/**
 * The command line: `http09 serve` and `http09 get`.
 *
 * Every failure is one line on standard error and exit status 1.
 */
import * as Resolver from "@effect-sockets/resolver/Resolver"
import * as NodeResolver from "@effect-sockets/resolver/NodeResolver"
import * as NodeNetwork from "@effect-sockets/socket/NodeNetwork"
import { isSocketError } from "@effect-sockets/socket/SocketError"
import * as NodeServices from "@effect/platform-node/NodeServices"
import * as Cause from "effect/Cause"
import * as Argument from "effect/cli/Argument"
import * as CliError from "effect/cli/CliError"
import * as CliConfig from "effect/cli/CliConfig"
import * as CliOutput from "effect/cli/CliOutput"
import * as Command from "effect/cli/Command"
import * as Flag from "effect/cli/Flag"
import * as GlobalFlag from "effect/cli/GlobalFlag"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import * as NetAddress from "effect/net/NetAddress"
import * as Runtime from "effect/Runtime"
import * as Stream from "effect/Stream"
import * as fs from "node:fs"
import * as path from "node:path"
import { fileURLToPath } from "node:url"
import * as Http09Client from "./Http09Client.ts"
import * as Http09Server from "./Http09Server.ts"
import * as NodeOutput from "./internal/NodeOutput.ts"
import * as NodeDocumentRoot from "./NodeDocumentRoot.ts"

const inPackage = (name: string): string => fileURLToPath(new URL(`../${name}`, import.meta.url))

/** A folder as the user means it: pnpm runs scripts in the package's folder and says in INIT_CWD where the user is. */
const fromUser = (folder: string): string => path.resolve(process.env.INIT_CWD ?? process.cwd(), folder)

const port = (least: number) => (value: number) => value >= least && value <= 65_535
const portRange = (least: number) => () => `a number from ${least} to 65535`

// serve ----------------------------------------------------------------------------------------------------------

/** The next SIGINT or SIGTERM. A second one, while the server drains, ends the process at once. */
const signal: Effect.Effect<void> = Effect.callback((resume) => {
  const names = ["SIGINT", "SIGTERM"] as const
  const stop = (): void => {
    for (const name of names) process.off(name, stop)
    resume(Effect.void)
  }
  for (const name of names) process.on(name, stop)
})

const observe = (event: Http09Server.Event): Effect.Effect<void> => {
  const received = `> Received request from host ${NetAddress.formatSocketAddress(event.stream.remoteAddress)}`
  return NodeOutput.log(event._tag === "Serving" ? `${received}\n> Serving file ${event.document.name}...` : received)
}

const serve = Command.make(
  "serve",
  {
    root: Argument.String("root").pipe(
      Argument.withDescription("The folder to serve; without it, a small site about this server"),
      Argument.map(fromUser),
      Argument.withDefault(inPackage("site"))
    ),
    port: Flag.Int("port").pipe(
      Flag.withAlias("p"),
      Flag.withDescription("The port to listen on; 0 takes a free one and prints it"),
      Flag.filter(port(0), portRange(0)),
      Flag.withDefault(8080)
    ),
    host: Flag.String("host").pipe(
      Flag.withDescription("The name or address to listen on; 0.0.0.0 or :: for the whole network"),
      Flag.withDefault("127.0.0.1")
    ),
    text: Flag.Boolean("text").pipe(
      Flag.withDescription("Send files as text, each line ended by CR LF"),
      Flag.withDefault(false)
    )
  },
  Effect.fnUntraced(function* ({ root, port, host, text }) {
    const [address] = yield* Resolver.lookup(host)
    const server = Http09Server.layer({
      address: NetAddress.inetAddressUnsafe(address, port),
      text,
      observe,
      onError: (cause) => (isDisconnect(Cause.squash(cause)) ? Effect.void : report(cause))
    })
    yield* NodeOutput.keepLogging
    yield* Effect.gen(function* () {
      const server = yield* Http09Server.Http09Server
      yield* NodeOutput.log(`> Started server on port ${portOf(server.address)}`)
      yield* Effect.raceFirst(server.await, signal)
      const { aborted } = yield* server.stop
      if (aborted > 0) yield* NodeOutput.tell(`http09: ${aborted} connections were cut`)
    }).pipe(Effect.provide(Layer.provide(server, [NodeNetwork.layer, NodeDocumentRoot.layer(root)])))
  })
).pipe(
  Command.withDescription("Serve a folder until interrupted"),
  Command.withExamples([
    { command: "http09 serve", description: "Serve the site that explains this server on 127.0.0.1:8080" },
    { command: "http09 serve public --port 9000", description: "Serve the folder public on 127.0.0.1:9000" }
  ])
)

const disconnects: ReadonlySet<string> = new Set(["ConnectionReset", "TimedOut", "Closed"])

/** A client that left, fell silent or stopped reading: every server has those. */
const isDisconnect = (error: unknown): boolean => isSocketError(error) && disconnects.has(error.reason._tag)

const portOf = (address: NetAddress.SocketAddress): number => ("port" in address ? address.port : 0)

// get ------------------------------------------------------------------------------------------------------------

const get = Command.make(
  "get",
  {
    host: Argument.String("host").pipe(Argument.withDescription("The server's name or address")),
    port: Argument.Int("port").pipe(
      Argument.withDescription("The server's port"),
      Argument.filter(port(1), portRange(1))
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
        NodeOutput.tell(event._tag === "Sending" ? `> Sending request to ${host}:${port}...` : "> Received response:")
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

// The program ----------------------------------------------------------------------------------------------------

const http09 = Command.make("http09").pipe(
  Command.withDescription("An HTTP/0.9 server and client"),
  Command.withSubcommands([serve, get])
)

/** Help and version on standard output; a bad command line is one line on standard error. */
const presenter: CliOutput.Presenter = {
  present: (event) => {
    const isHelpWanted = event._tag === "Version" || (event._tag === "Help" && event.reason === "Requested")
    if (isHelpWanted) return CliOutput.defaultPresenter.present(event)
    const why =
      event._tag === "Help" ? "a subcommand is missing" : event.errors.map(({ message }) => message).join("; ")
    return NodeOutput.tell(`http09: ${oneLine(why)} (see ${event.commandPath.join(" ")} --help)`)
  }
}

const oneLine = (text: string): string => text.replace(/\s*\n\s*/g, " ").trim()

/** Prints why it failed, unless the presenter already did. */
const report = (cause: Cause.Cause<unknown>): Effect.Effect<void> => {
  const error = Cause.squash(cause)
  return CliError.isCliError(error)
    ? Effect.void
    : NodeOutput.tell(`http09: ${oneLine(error instanceof Error ? error.message : String(error))}`)
}

const isScript = process.env.npm_lifecycle_event === "start"
/** pnpm hands `start -- --port 9000` on with its `--`, which would make operands of all that follows. */
const args = process.argv.slice(2).filter((arg, index) => !(arg === "--" && index === 1 && isScript))

const { version } = JSON.parse(fs.readFileSync(inPackage("package.json"), "utf8")) as { readonly version: string }

const main = Command.runWith(http09, { version })(args).pipe(
  Effect.tapCause(report),
  Effect.provideService(CliOutput.Presenter, presenter),
  Effect.provideService(CliConfig.CliConfig, CliConfig.make({ builtIns: [GlobalFlag.Help, GlobalFlag.Version] })),
  Effect.provide(Layer.merge(NodeServices.layer, NodeResolver.layer))
)

// Signals are not this runner's: `serve` takes its own, and `get` dies of them as other programs do.
Runtime.makeRunMain(({ fiber }) => {
  fiber.addObserver((exit) => process.exit(Exit.isSuccess(exit) ? 0 : 1))
})(main, { disableErrorReporting: true })
