/** What is compared, and who with whom. */
import { asClients, type Contest, holdingIdle, type Peer, starting, underLoad } from "./contestants.ts"

/** A figure that this project wants to reach. */
export interface Goal {
  readonly of: string
  readonly beside: string
  /** A ratio of at least or at most `value`; or at most `value` more. */
  readonly is: "atLeast" | "atMost" | "atMostAbove"
  readonly measure: "figure" | "p99" | "cpu"
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

const atLeast = (beside: string, value: number, of: string): Goal => ({
  of,
  beside,
  is: "atLeast",
  measure: "figure",
  value
})
const atMost = (beside: string, value: number, of: string): Goal => ({
  of,
  beside,
  is: "atMost",
  measure: "figure",
  value
})
const p99 = (of: string, beside = baseline): Goal => ({ ...atMost(beside, 1.2, of), measure: "p99" })

const perSecond = { scale: 1, less: false, fresh: false }
const megabytes = { unit: "MB/s", scale: 1e-6, less: false, fresh: false }

/** The documents that are asked for, and their sizes. */
export const documents = { small: ["/1k.bin", 1024], large: ["/100m.bin", 100_000_000] } as const

/** A command of RESP2, as `redis-benchmark -t set` sends it, and its reply; the line ends are the driver's escapes. */
const redis = [String.raw`*3\r\n$3\r\nSET\r\n$16\r\nkey:000000000001\r\n$3\r\nxxx\r\n`, String.raw`+OK\r\n`] as const

const cli = "../../../../http09/src/cli.ts"

const loop = `${ours}, read and write`
const served = `${ours}, http09 serve`

/** What this project's servers are shown beside, and with. */
export interface Installed {
  /** The command `http09` in one file, as it is published. */
  readonly command: string
  readonly nginx: boolean
  readonly redis: boolean
}

/** The works, over the folder that has the documents. */
export const works = (folder: string, installed: Installed): ReadonlyArray<Work> => {
  const other = (name: string, is: boolean, program: string): ReadonlyArray<Peer> =>
    is ? [{ name, file: "others.ts", args: [program, folder] }] : []
  const nginx = other("nginx", installed.nginx, "nginx")
  const redisServer = other("redis-server", installed.redis, "redis")
  return [
    {
      id: "pingpong",
      title: "ping-pong, 64 connections × 64 B",
      unit: "messages/s",
      ...perSecond,
      contest: underLoad("echo", 64, 64, 1),
      peers: [plain("echo"), effects("echo"), own("driver"), as(own("echo"), "read and write")],
      goals: [
        atLeast(baseline, 1, ours),
        atLeast(effect, 1.5, ours),
        p99(ours),
        atLeast(baseline, 0.8, loop),
        atLeast(effect, 1.2, loop)
      ]
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
        as(own("readLine"), "readLine"),
        as(own("stream"), "as a Stream")
      ],
      goals: [atLeast(baseline, 5, ours), atLeast(effect, 5, ours), p99(ours)]
    },
    {
      id: "redis",
      title: "mini Redis, SET, 50 connections",
      unit: "commands/s",
      ...perSecond,
      contest: underLoad("ask", 50, 1, ...redis),
      peers: [
        plain("redis"),
        own("redis"),
        as(own("combined"), "by flatMap"),
        as(own("reads"), "by reads"),
        ...redisServer
      ],
      goals: [atLeast(baseline, 0.95, ours)]
    },
    {
      id: "redis16",
      title: "mini Redis, SET, 50 connections, pipelined by 16",
      unit: "commands/s",
      ...perSecond,
      contest: underLoad("ask", 50, 16, ...redis),
      peers: [
        plain("redis"),
        own("redis"),
        as(own("combined"), "by flatMap"),
        as(own("reads"), "by reads"),
        ...redisServer
      ],
      goals: [atLeast(baseline, 0.85, ours)]
    },
    {
      id: "both",
      title: "stream, echoed, 4 × 256 KiB under way",
      ...megabytes,
      contest: underLoad("both", 4, 262_144),
      peers: [plain("echo"), effects("echo"), own("copy"), as(own("echo"), "read and write")],
      goals: [
        atLeast(baseline, 1, ours),
        atLeast(effect, 2.2, ours),
        atLeast(baseline, 0.75, loop),
        atLeast(effect, 1.6, loop)
      ]
    },
    {
      id: "up",
      title: "stream to the server, 4 × 256 KiB",
      ...megabytes,
      contest: underLoad("up", 4, 262_144),
      peers: [plain("up"), effects("up"), own("up"), as(own("upStream"), "as a Stream")],
      goals: [
        atLeast(baseline, 1, ours),
        atLeast(effect, 1.2, ours),
        atLeast(baseline, 0.7, `${ours}, as a Stream`),
        atLeast(effect, 1.2, `${ours}, as a Stream`)
      ]
    },
    {
      id: "down",
      title: "stream from the server, 4 × 256 KiB",
      ...megabytes,
      contest: underLoad("down", 4, 262_144),
      peers: three("down"),
      goals: [atLeast(baseline, 1, ours), atLeast(effect, 1.2, ours)]
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
        atLeast(`${baseline}, readFile`, 1.05, ours),
        atLeast(`${effect}, readFile`, 2.6, ours),
        p99(ours, `${baseline}, readFile`),
        atLeast(`${baseline}, readFile`, 0.95, served),
        atLeast(`${effect}, readFile`, 2.3, served),
        { ...atMost(served, 1.1, `${served} --workers 2`), measure: "cpu" }
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
      goals: [atLeast(`${baseline}, createReadStream`, 2, ours)]
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
      goals: [atLeast(baseline, 0.8, ours), atLeast(effect, 2, ours)]
    },
    {
      id: "burst",
      title: "accept: 1,000 connections at once, a byte there and back",
      unit: "connections/s",
      ...perSecond,
      contest: underLoad("burst", 1000),
      peers: [plain("echo"), effects("echo"), own("driver"), as(own("echo"), "read and write")],
      goals: [atLeast(baseline, 0.85, ours), atLeast(effect, 2.5, ours), p99(ours)]
    },
    {
      id: "idle",
      title: "memory of an idle connection",
      unit: "KB",
      scale: 1e-3,
      less: true,
      fresh: true,
      contest: holdingIdle,
      peers: [plain("echo"), effects("echo"), own("driver"), as(own("echo"), "read and write")],
      goals: [
        atMost(baseline, 2, ours),
        atMost(effect, 0.5, ours),
        atMost(baseline, 2, loop),
        atMost(effect, 0.5, loop)
      ]
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
        as({ name: ours, file: installed.command, args: ["serve", folder, "--port"] }, "http09 serve"),
        as({ name: ours, file: cli, args: ["serve", folder, "--port"] }, "http09 serve from its sources")
      ],
      goals: [
        { of: served, beside: baseline, is: "atMostAbove", measure: "figure", value: 0.2 },
        atMost(effect, 0.6, served)
      ]
    }
  ]
}
