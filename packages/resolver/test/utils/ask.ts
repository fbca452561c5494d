/**
 * Asks a resolver in a process of its own and prints what came, as JSON: `node ask.ts '{"questions":["localhost"]}'`.
 */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import type * as packet from "dns-packet"
import * as fs from "node:fs"
import * as Hostent from "../../src/Hostent.ts"
import * as NodeResolver from "../../src/NodeResolver.ts"
import * as Resolver from "../../src/Resolver.ts"
import * as DnsServer from "./dnsServer.ts"

export interface Request {
  readonly questions: ReadonlyArray<string>
  /** Only addresses, of this family. */
  readonly family?: "IPv4" | "IPv6"
  /** Only what `Resolver.answers` brings first, for all questions at once, and how long that took. */
  readonly first?: boolean
  /** Ask this name server and not the system. */
  readonly server?: string
  /** Be a name server on port 53 that knows these records. */
  readonly records?: ReadonlyArray<packet.Answer>
  /** As a name server, never answer questions of this type. */
  readonly silentFor?: string
  /** Open files until no more can be opened, and then ask. */
  readonly withoutDescriptors?: boolean
}

/** A hostent printed, addresses, or the tag of a reason. */
export type Reply = string

const request = JSON.parse(process.argv[2]) as Request

const ask = (question: string) =>
  (request.family === undefined
    ? Effect.map(Resolver.resolveHostIpaddr(question), Hostent.format)
    : Effect.map(Resolver.lookup(question, { family: request.family }), String)
  ).pipe(Effect.catch(({ reason }) => Effect.succeed(reason._tag)))

const first = (question: string) =>
  Effect.map(
    Effect.timed(Effect.orElseSucceed(Stream.runHead(Resolver.answers(question)), Option.none)),
    ([time, found]) => `${Option.getOrElse(found, () => "nothing")} ${Duration.toSeconds(time) < 2 ? "soon" : "late"}`
  )

const serve = (records: ReadonlyArray<packet.Answer>) => {
  const answer = DnsServer.zone(records)
  return DnsServer.make((question) => (question.type === request.silentFor ? "silence" : answer(question)), 53)
}

const exhaust = Effect.sync(() => {
  try {
    for (;;) fs.openSync("/dev/null", "r")
  } catch {
    // None is left, which was the purpose.
  }
})

const program = Effect.gen(function* () {
  // The first question also loads what the platform loads late.
  yield* Effect.ignore(Resolver.lookup("localhost"))
  if (request.records !== undefined) yield* serve(request.records)
  if (request.withoutDescriptors === true) yield* exhaust
  return request.first === true
    ? yield* Effect.forEach(request.questions, first, { concurrency: "unbounded" })
    : yield* Effect.forEach(request.questions, ask)
}).pipe(
  Effect.scoped,
  Effect.provide(
    request.server === undefined
      ? NodeResolver.layer
      : // Long enough for a busy machine.
        NodeResolver.layerDns({ servers: [request.server], tries: 1, timeout: "20 seconds" })
  )
)

Effect.runPromise(program).then((replies) => {
  fs.writeSync(1, JSON.stringify(replies))
  process.exit(0)
})
