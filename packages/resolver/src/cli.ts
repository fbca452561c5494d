#!/usr/bin/env node
/**
 * The command line: `resolver <name-or-address>…` prints hostents.
 *
 * A host that cannot be resolved is one line on standard error; the others are printed all the same, and the exit status
 * is 1. It is 2 for a command line that cannot be meant.
 */
import * as NodeServices from "@effect/platform-node/NodeServices"
import * as Cause from "effect/Cause"
import * as Argument from "effect/cli/Argument"
import * as CliConfig from "effect/cli/CliConfig"
import * as CliError from "effect/cli/CliError"
import * as CliOutput from "effect/cli/CliOutput"
import * as Command from "effect/cli/Command"
import * as Flag from "effect/cli/Flag"
import * as GlobalFlag from "effect/cli/GlobalFlag"
import * as Console from "effect/Console"
import * as Data from "effect/Data"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Runtime from "effect/Runtime"
import * as Schema from "effect/Schema"
import * as fs from "node:fs"
import * as Hostent from "./Hostent.ts"
import * as CommandLine from "./CommandLine.ts"
import * as NodeResolver from "./NodeResolver.ts"
import * as Printable from "./Printable.ts"
import * as Resolver from "./Resolver.ts"
import { ResolverError } from "./ResolverError.ts"

/** Some hosts could not be resolved, and it has been said which. */
class Unresolved extends Data.TaggedError("Unresolved")<{}> {}

/** A line on standard error; what came from the command line may hold what acts on a terminal. */
const complain = (text: string): Effect.Effect<void> => Console.error(`resolver: ${Printable.line(text)}`)

const toJson = Schema.encodeSync(Hostent.Hostent)

const resolver = Command.make(
  "resolver",
  {
    hosts: Argument.String("host").pipe(
      Argument.withDescription("A name, an IPv4 address or an IPv6 address"),
      Argument.atLeast(1)
    ),
    dns: Flag.String("dns").pipe(
      Flag.withMetavar("server[:port]"),
      Flag.withDescription("Ask this name server, and nobody else; repeat for more"),
      Flag.atLeast(0)
    ),
    json: Flag.Boolean("json").pipe(Flag.withDescription("Print one JSON object a line"), Flag.withDefault(false))
  },
  Effect.fnUntraced(function* ({ dns, hosts, json }) {
    const show = (host: string) =>
      Resolver.resolveHostIpaddr(host).pipe(
        Effect.flatMap((found) => Console.log(json ? JSON.stringify(toJson(found)) : Hostent.format(found))),
        Effect.as(true),
        Effect.catch((error) => Effect.as(complain(`${Printable.name(host)}: ${error.explanation}`), false))
      )
    const shown = yield* Effect.forEach(hosts, show).pipe(
      Effect.provide(dns.length === 0 ? NodeResolver.layer : NodeResolver.layerDns({ servers: dns }))
    )
    if (shown.includes(false)) return yield* new Unresolved()
  })
).pipe(
  Command.withDescription("Print the canonical name, the aliases and the addresses of hosts"),
  Command.withExamples([
    { command: "resolver localhost", description: "Ask the system for a name" },
    { command: "resolver 127.0.0.1 ::1", description: "Ask for the names of addresses" },
    { command: "resolver --dns 9.9.9.9 --json www.example.org", description: "Ask one name server, print JSON" }
  ])
)

const report = (cause: Cause.Cause<unknown>): Effect.Effect<void> => {
  const error = Cause.squash(cause)
  return Cause.hasInterruptsOnly(cause) || CliError.isCliError(error) || error instanceof Unresolved
    ? Effect.void
    : complain(error instanceof Error ? error.message : String(error))
}

/** 0 if all hosts were resolved, 1 if not, 2 for a command line that cannot be meant. */
const statusOf = (exit: Exit.Exit<unknown, unknown>): number => {
  if (Exit.isSuccess(exit)) return 0
  const error = Cause.squash(exit.cause)
  return CliError.isCliError(error) || (error instanceof ResolverError && error.operation === "layerDns") ? 2 : 1
}

const { version } = JSON.parse(fs.readFileSync(new URL("../package.json", import.meta.url), "utf8")) as {
  readonly version: string
}

const args = CommandLine.fromScript(process.argv.slice(2), 0, process.env)

const presenter = CommandLine.presenter({
  missing: "a host is missing",
  complain: (line) => Console.error(`resolver: ${line}`)
})

const main = Command.runWith(resolver, { version })(args).pipe(
  Effect.tapCause(report),
  Effect.provideService(CliOutput.Presenter, presenter),
  Effect.provideService(CliConfig.CliConfig, CliConfig.make({ builtIns: [GlobalFlag.Help, GlobalFlag.Version] })),
  Effect.provide(NodeServices.layer)
)

// Who reads may have read enough, as `head` has; any other failure to write is one.
process.stdout.on("error", (error: NodeJS.ErrnoException) => {
  if (error.code === "EPIPE") process.exit(0)
  process.stderr.write(`resolver: write: ${error.message}\n`, () => process.exit(1))
})
process.stderr.on("error", () => {})

Runtime.makeRunMain(({ fiber }) => {
  // What was written last may not have been taken yet, and may still fail.
  fiber.addObserver((exit) => process.stdout.write("", () => setImmediate(() => process.exit(statusOf(exit)))))
})(main, { disableErrorReporting: true })
