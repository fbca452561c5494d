import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import * as packet from "dns-packet"
import * as dgram from "node:dgram"
import * as net from "node:net"

/** What the server does with a question: an answer, its exact bytes, or nothing. */
export type Reply =
  | "silence"
  | Uint8Array
  | {
      readonly answers?: Array<packet.Answer>
      readonly authorities?: Array<packet.Answer>
      /** 2 SERVFAIL, 3 NXDOMAIN, 4 NOTIMP, 5 REFUSED. */
      readonly rcode?: number
      readonly truncated?: boolean
      /** Added to the id of the question. */
      readonly idOffset?: number
      /** The name that the answer says it was asked for. */
      readonly about?: string
      readonly delay?: number
      /** Over UDP: datagrams that are sent before the answer. */
      readonly noise?: ReadonlyArray<Uint8Array>
    }

export interface Question {
  readonly id: number
  readonly name: string
  readonly type: string
  readonly transport: "udp" | "tcp"
  /** How long an answer over UDP may be; 0 where the question does not say so. */
  readonly udpPayloadSize: number
}

export interface DnsServer {
  /** As `layerDns` takes it. */
  readonly address: string
  /** Every question so far, as `udp A www.example`. */
  readonly queries: ReadonlyArray<string>
}

const encode = (question: packet.Packet, reply: Exclude<Reply, "silence">): Uint8Array =>
  reply instanceof Uint8Array
    ? reply
    : packet.encode({
        type: "response",
        id: ((question.id ?? 0) + (reply.idOffset ?? 0)) & 0xffff,
        flags:
          packet.RECURSION_AVAILABLE | (reply.truncated === true ? packet.TRUNCATED_RESPONSE : 0) | (reply.rcode ?? 0),
        questions: (question.questions ?? []).map((asked) => ({ ...asked, name: reply.about ?? asked.name })),
        answers: reply.answers ?? [],
        authorities: reply.authorities ?? []
      })

const listen = <A extends net.Server | dgram.Socket>(socket: A, bind: () => void): Effect.Effect<A, Error> =>
  Effect.callback((resume) => {
    socket.once("error", (error) => resume(Effect.fail(error)))
    socket.once("listening", () => resume(Effect.succeed(socket)))
    bind()
  })

/** A name server on the loopback, by default on a free port, over UDP and TCP, that does what `handler` says. */
export const make = (
  handler: (question: Question) => Reply,
  wantedPort = 0
): Effect.Effect<DnsServer, never, Scope.Scope> =>
  // A port that is free for TCP may be somebody else's for UDP.
  attempt(handler, wantedPort).pipe(Effect.retry({ times: 9 }), Effect.orDie)

const attempt = (
  handler: (question: Question) => Reply,
  wantedPort: number
): Effect.Effect<DnsServer, Error, Scope.Scope> =>
  Effect.gen(function* () {
    const queries: Array<string> = []
    const timers = new Set<NodeJS.Timeout>()
    const answer = (message: Buffer, transport: "udp" | "tcp", send: (bytes: Uint8Array) => void) => {
      const question = packet.decode(message)
      const [{ name, type }] = question.questions ?? []
      queries.push(`${transport} ${type} ${name}`)
      const [option] = question.additionals ?? []
      const udpPayloadSize = option?.type === "OPT" ? option.udpPayloadSize : 0
      const reply = handler({ id: question.id ?? 0, name, type, transport, udpPayloadSize })
      if (reply === "silence") return
      const delay = reply instanceof Uint8Array ? 0 : (reply.delay ?? 0)
      for (const datagram of reply instanceof Uint8Array ? [] : (reply.noise ?? [])) send(datagram)
      timers.add(setTimeout(() => send(encode(question, reply)), delay))
    }

    const tcp = yield* Effect.acquireRelease(
      Effect.suspend(() => {
        const server = net.createServer((socket) => {
          socket.on("error", () => socket.destroy())
          let pending = Buffer.alloc(0)
          socket.on("data", (chunk) => {
            pending = Buffer.concat([pending, chunk as Buffer])
            while (pending.length >= 2 && pending.length >= 2 + pending.readUInt16BE(0)) {
              const end = 2 + pending.readUInt16BE(0)
              answer(pending.subarray(2, end), "tcp", (bytes) => {
                socket.write(Buffer.concat([Buffer.from([bytes.length >> 8, bytes.length & 0xff]), bytes]))
              })
              pending = pending.subarray(end)
            }
          })
        })
        return listen(server, () => server.listen(wantedPort, "127.0.0.1"))
      }),
      (server) => Effect.sync(() => server.close())
    )
    const { port } = tcp.address() as net.AddressInfo

    const udp = yield* Effect.acquireRelease(
      Effect.suspend(() => {
        const socket = dgram.createSocket("udp4")
        socket.on("message", (message, peer) =>
          answer(message, "udp", (bytes) => socket.send(bytes, peer.port, peer.address))
        )
        return listen(socket, () => socket.bind(port, "127.0.0.1"))
      }),
      (socket) =>
        Effect.sync(() => {
          for (const timer of timers) clearTimeout(timer)
          socket.close()
        })
    )
    return { address: `127.0.0.1:${udp.address().port}`, queries }
  })

export const a = (name: string, data: string, ttl = 60): packet.Answer => ({ type: "A", name, data, ttl })
export const aaaa = (name: string, data: string, ttl = 60): packet.Answer => ({ type: "AAAA", name, data, ttl })
export const cname = (name: string, data: string, ttl = 60): packet.Answer => ({ type: "CNAME", name, data, ttl })
export const ptr = (name: string, data: string, ttl = 60): packet.Answer => ({ type: "PTR", name, data, ttl })
export const soa = (name: string, minimum: number, ttl = 3600): packet.Answer => ({
  type: "SOA",
  name,
  ttl,
  data: { mname: "ns.example", rname: "hostmaster.example", serial: 1, refresh: 1, retry: 1, expire: 1, minimum }
})

/**
 * A recursive server that knows these records: it follows aliases, tells NXDOMAIN from NODATA, and shows the SOA record of
 * the zone beside an absence.
 */
export const zone =
  (records: ReadonlyArray<packet.Answer>) =>
  ({ name, type }: Pick<Question, "name" | "type">): Exclude<Reply, "silence" | Uint8Array> => {
    const answers: Array<packet.Answer> = []
    let owner = name.toLowerCase()
    for (let steps = 0; steps < 20; steps++) {
      const here = records.filter((record) => record.name === owner)
      const wanted = here.filter((record) => record.type === type)
      const alias = here.find((record) => record.type === "CNAME")
      answers.push(...wanted)
      if (wanted.length > 0 || alias === undefined) {
        const exists = here.length > 0 || records.some((record) => record.name.endsWith(`.${owner}`))
        const zones = records.filter((record) => record.type === "SOA" && `.${owner}`.endsWith(`.${record.name}`))
        return { answers, rcode: exists ? 0 : 3, authorities: wanted.length > 0 ? [] : zones }
      }
      answers.push(alias)
      owner = String("data" in alias ? alias.data : "")
    }
    return { answers, rcode: 2 }
  }
