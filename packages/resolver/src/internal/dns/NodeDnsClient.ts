/**
 * Questions to name servers, asked again where an answer is lost and passed on where a server fails.
 */
import * as Deferred from "effect/Deferred"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import * as Semaphore from "effect/Semaphore"
import * as crypto from "node:crypto"
import * as dns from "node:dns"
import * as ResolverSource from "../../ResolverSource.ts"
import type { Reason } from "../../ResolverError.ts"
import * as NodeErrors from "../NodeErrors.ts"
import * as LookupSpan from "../LookupSpan.ts"
import * as AddressChain from "./AddressChain.ts"
import type * as DnsMessage from "./DnsMessage.ts"
import * as NodeDnsTransport from "./NodeDnsTransport.ts"

/** How to ask. */
export interface ClientOptions {
  /** Whom to ask. Nobody means the system's name servers, looked up for each question: they change with the network. */
  readonly servers: ReadonlyArray<NodeDnsTransport.NameServer>
  readonly timeout: Duration.Duration
  readonly tries: number
  /** How many sockets at once. */
  readonly maxQueries: number
}

const defaultPort = 53

const ofSystem: Effect.Effect<ReadonlyArray<NodeDnsTransport.NameServer>, ResolverSource.SourceError> = Effect.try({
  try: () =>
    new dns.Resolver().getServers().map((server) => {
      const [, host = server, port = defaultPort] =
        /^\[(.*)\]:(\d+)$/.exec(server) ?? /^([^:]*):(\d+)$/.exec(server) ?? []
      return { host, port: Number(port) }
    }),
  catch: NodeErrors.fromCause
})

/**
 * Why an answer is a failure of the server that gave it, by its rcode (RFC 1035, section 4.1.1; RFC 2136, section 2.2). Only
 * 0 and 3 (NXDOMAIN) say anything of the name; the next server may know better than the others.
 */
const failureOf = (rcode: number): Reason | undefined => {
  if (rcode === 0 || rcode === 3) return undefined
  if (rcode === 1) return { _tag: "InvalidResponse", detail: "the name server did not understand the question" }
  if (rcode === 4) return { _tag: "Unsupported", detail: "the name server does not do that" }
  return { _tag: rcode === 5 ? "Refused" : "ServerFailure" }
}

/** The client. It lives as long as the scope; then its questions fail, those under way too. */
export const make = Effect.fnUntraced(function* ({ maxQueries, servers, timeout, tries }: ClientOptions) {
  const released = yield* Deferred.make<never, ResolverSource.SourceError>()
  yield* Effect.addFinalizer(() =>
    Deferred.fail(released, new ResolverSource.SourceError({ reason: { _tag: "Unknown", code: "ECANCELLED" } }))
  )
  const sockets = yield* Semaphore.make(maxQueries)

  const inTime = <A>(effect: Effect.Effect<A, ResolverSource.SourceError>, limit = timeout) =>
    Effect.timeoutOrElse(effect, { duration: limit, orElse: () => ResolverSource.fail({ _tag: "Timeout" }) })

  const once = (server: NodeDnsTransport.NameServer, name: string, type: DnsMessage.Type) => {
    const spanned = (effect: Effect.Effect<DnsMessage.Answer, ResolverSource.SourceError>, transport: string) =>
      LookupSpan.around(inTime(effect), `DNS ${type}`, () => ({
        "dns.question.name": name,
        "server.address": server.host,
        "server.port": server.port,
        "network.transport": transport
      }))
    return Effect.gen(function* () {
      const question = { id: crypto.randomInt(0x10000), name, type }
      let answer = yield* spanned(NodeDnsTransport.overUdp(server, question, true), "udp")
      if (mayBeOld(answer)) answer = yield* spanned(NodeDnsTransport.overUdp(server, question, false), "udp")
      return answer.truncated ? yield* spanned(NodeDnsTransport.overTcp(server, question), "tcp") : answer
    })
  }

  const askAll = Effect.fnUntraced(function* (
    all: ReadonlyArray<NodeDnsTransport.NameServer>,
    name: string,
    type: DnsMessage.Type
  ): Effect.fn.Return<DnsMessage.Answer, ResolverSource.SourceError> {
    // Servers that answered with a failure, or where nobody listens, are not asked again.
    const failed = new Set<NodeDnsTransport.NameServer>()
    let failure: ResolverSource.SourceError | undefined
    for (let round = 0; round < tries && failed.size < all.length; round++) {
      for (const server of all) {
        if (failed.has(server)) continue
        const result = yield* Effect.result(sockets.withPermits(1)(once(server, name, type)))
        if (Result.isSuccess(result)) {
          const reason = isCircle(result.success) ? undefined : failureOf(result.success.rcode)
          if (reason === undefined) return result.success
          failure = new ResolverSource.SourceError({ reason })
          failed.add(server)
          continue
        }
        const { _tag } = result.failure.reason
        if (_tag === "OutOfDescriptors") return yield* result.failure
        // Of several failures, one that was said tells more than silence.
        if (_tag !== "Timeout" || failure === undefined) failure = result.failure
        if (_tag !== "Timeout" && _tag !== "InvalidResponse") failed.add(server)
      }
    }
    return yield* failure ?? ResolverSource.fail({ _tag: "Timeout" })
  })

  /**
   * Asks for the records of one type that a name has. The answer is one about the name: it has the records, or says that
   * there are none.
   */
  return (name: string, type: DnsMessage.Type): Effect.Effect<DnsMessage.Answer, ResolverSource.SourceError> =>
    Effect.flatMap(servers.length > 0 ? Effect.succeed(servers) : ofSystem, (all) =>
      Effect.raceFirst(
        inTime(askAll(all, name, type), Duration.times(timeout, tries * all.length)),
        Deferred.await(released)
      )
    )
})

/** RFC 6891, section 7: a server that does not know extended questions may say that it does not understand this one. */
const mayBeOld = ({ rcode }: DnsMessage.Answer): boolean => rcode === 1 || rcode === 4

/** Some servers call aliases in a circle a failure of theirs and show them all the same; to ask another does not help. */
const isCircle = ({ answers, question }: DnsMessage.Answer): boolean =>
  AddressChain.follow(question.name, answers) === undefined
