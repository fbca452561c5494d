/** What is compared, and who with whom. */
import { asClients, type Contest, holdingIdle, type Peer, starting, underLoad } from "./contestants.ts"

/** A figure that this project wants to reach. */
export interface Goal {
  readonly of: string
  readonly beside: string
  /** A ratio of at least or at most `value`; or at most `value` more. */
  readonly is: "atLeast" | "atMost" | "atMostAbove"
  readonly measure: "figure" | "p99"
  readonly value: number
}

export interface Work {
  readonly id: string
  readonly title: string
  /** What is shown, and how much of it is one of what was counted. */
  readonly unit: string
  readonly scale: number
  /** Less is better. */
  readonly less: boolean
  /** Whether its peers start afresh in every round, so that there is nothing to warm up. */
  readonly fresh: boolean
  readonly contest: Contest
  /** The first is the one that the others are compared with. */
  readonly peers: ReadonlyArray<Peer>
  readonly goals: ReadonlyArray<Goal>
}

export const baseline = "node:net"
export const effect = "effect 4.1"
export const ours = "effect-sockets"

const plain = (work: string, ...args: Array<string>): Peer => ({
  name: baseline,
  file: "plain.ts",
  args: [work, ...args]
})
const effects = (work: string, ...args: Array<string>): Peer => ({
  name: effect,
  file: "effect.ts",
  args: [work, ...args]
})
const own = (work: string, ...args: Array<string>): Peer => ({ name: ours, file: "ours.ts", args: [work, ...args] })
const as = (peer: Peer, what: string): Peer => ({ ...peer, name: `${peer.name}, ${what}` })
const three = (work: string): ReadonlyArray<Peer> => [plain(work), effects(work), own(work)]

const atLeast = (beside: string, value: number, of = ours): Goal => ({
  of,
  beside,
  is: "atLeast",
  measure: "figure",
  value
})
const atMost = (beside: string, value: number, of = ours): Goal => ({
  of,
  beside,
  is: "atMost",
  measure: "figure",
  value
})
const p99 = (beside = baseline): Goal => ({ ...atMost(beside, 1.2), measure: "p99" })

const perSecond = { scale: 1, less: false, fresh: false }
const megabytes = { unit: "MB/s", scale: 1e-6, less: false, fresh: false }
const streams = [atLeast(baseline, 1), atLeast(effect, 1.2)]

/** The documents that are asked for, and their sizes. */
export const documents = { small: ["/1k.bin", 1024], large: ["/100m.bin", 100_000_000] } as const

/** The works, over the folder that has the documents. */
export const works = (folder: string, hasNginx: boolean): ReadonlyArray<Work> => {
  const nginx: ReadonlyArray<Peer> = hasNginx ? [{ name: "nginx", file: "others.ts", args: ["nginx", folder] }] : []
  return [
    {
      id: "pingpong",
      title: "ping-pong, 64 connections × 64 B",
      unit: "messages/s",
      ...perSecond,
      contest: underLoad("echo", 64, 64, 1),
      peers: three("echo"),
      goals: [atLeast(baseline, 0.95), atLeast(effect, 1.2), p99()]
    },
    {
      id: "lines",
      title: "pipelined lines, 16 connections × 64 lines × 64 B",
      unit: "lines/s",
      ...perSecond,
      contest: underLoad("echo", 16, 64, 64),
      peers: [
        plain("lines"),
        as(plain("corked"), "one write a chunk"),
        as(plain("readline"), "node:readline"),
        effects("lines"),
        as(effects("corked"), "one write a chunk"),
        own("lines"),
        as(own("stream"), "as a Stream")
      ],
      goals: [atLeast(baseline, 1), atLeast(effect, 1.3), p99()]
    },
    {
      id: "both",
      title: "stream, echoed, 4 × 256 KiB under way",
      ...megabytes,
      contest: underLoad("both", 4, 262_144),
      peers: [plain("echo"), effects("echo"), own("copy"), as(own("echo"), "read and write")],
      goals: streams
    },
    {
      id: "up",
      title: "stream to the server, 4 × 256 KiB",
      ...megabytes,
      contest: underLoad("up", 4, 262_144),
      peers: [plain("up"), effects("up"), own("up"), as(own("upStream"), "as a Stream")],
      goals: streams
    },
    {
      id: "down",
      title: "stream from the server, 4 × 256 KiB",
      ...megabytes,
      contest: underLoad("down", 4, 262_144),
      peers: three("down"),
      goals: streams
    },
    {
      id: "get",
      title: "open, request, 1 KiB file, close; 64 at once",
      unit: "documents/s",
      ...perSecond,
      contest: underLoad("get", 64, ...documents.small),
      peers: [
        as(plain("file", folder), "readFile"),
        as(plain("memory", folder), "from memory"),
        as(effects("file", folder), "readFile"),
        own("file", folder),
        as({ name: ours, file: "others.ts", args: ["http09", folder] }, "http09 serve"),
        as({ name: ours, file: "others.ts", args: ["workers", folder] }, "http09 serve --workers 2"),
        ...nginx
      ],
      goals: [
        atLeast(`${baseline}, readFile`, 1.1),
        atLeast(`${effect}, readFile`, 2.5),
        p99(`${baseline}, readFile`),
        atLeast(`${ours}, http09 serve`, 1.7, `${ours}, http09 serve --workers 2`)
      ]
    },
    {
      id: "large",
      title: "100 MB file, one at a time",
      ...megabytes,
      contest: underLoad("get", 1, ...documents.large),
      peers: [
        as(plain("pipe", folder), "createReadStream"),
        as(effects("pipe", folder), "FileSystem.stream"),
        own("file", folder),
        ...nginx
      ],
      goals: [atLeast(`${baseline}, createReadStream`, 1.1), atLeast(`${effect}, FileSystem.stream`, 1.5)]
    },
    {
      id: "connect",
      title: "client: connect, read to the end, close; 64 at once",
      unit: "connections/s",
      ...perSecond,
      contest: asClients,
      peers: [
        { name: baseline, file: "plainClient.ts", args: [] },
        { name: effect, file: "effectClient.ts", args: [] },
        { name: ours, file: "oursClient.ts", args: [] }
      ],
      goals: []
    },
    {
      id: "burst",
      title: "accept: 1,000 connections at once, a byte there and back",
      unit: "connections/s",
      ...perSecond,
      contest: underLoad("burst", 1000),
      peers: three("echo"),
      goals: [p99()]
    },
    {
      id: "idle",
      title: "memory of an idle connection",
      unit: "KB",
      scale: 1e-3,
      less: true,
      fresh: true,
      contest: holdingIdle,
      peers: three("echo"),
      goals: [atMost(baseline, 1.5), atMost(effect, 0.7)]
    },
    {
      id: "start",
      title: "start to first answer of an HTTP/0.9 server",
      unit: "s",
      scale: 1,
      less: true,
      fresh: true,
      contest: starting(`GET ${documents.small[0]}\r\n`),
      peers: [
        { name: baseline, file: "smallest.mjs", args: [folder] },
        effects("file", folder),
        as({ name: ours, file: "../../src/cli.ts", args: ["serve", folder, "--port"] }, "http09 serve")
      ],
      goals: [
        { of: `${ours}, http09 serve`, beside: baseline, is: "atMostAbove", measure: "figure", value: 0.45 },
        atMost(effect, 1, `${ours}, http09 serve`)
      ]
    }
  ]
}
