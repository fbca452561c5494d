/**
 * Figures for Prometheus: over HTTP on the loopback, or in a file.
 */
import * as Data from "effect/Data"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { randomUUID } from "node:crypto"
import * as fs from "node:fs/promises"
import type * as http from "node:http"
import * as net from "node:net"
import type { MetricsTarget } from "./settings.ts"

/** The metrics could not be given where they were wanted. */
export class MetricsError extends Data.TaggedError("MetricsError")<{ readonly message: string }> {}

/** This process's metrics. Loaded when it is wanted: the formatter brings effect's HTTP server with it. */
export const format: Effect.Effect<string> = Effect.flatMap(
  Effect.promise(() => import("effect/observability/PrometheusMetrics")),
  (module) => module.format()
)

/** Puts the texts of several processes together: each family once, with the samples of all. */
export const merge = (texts: ReadonlyArray<string>): string => {
  const families = new Map<string, { readonly heads: Set<string>; readonly samples: Array<string> }>()
  for (const text of texts) {
    let family: { readonly heads: Set<string>; readonly samples: Array<string> } = { heads: new Set(), samples: [] }
    for (const line of text.split("\n")) {
      const name = /^# (?:HELP|TYPE) (\S+)/.exec(line)?.[1]
      if (name === undefined) {
        if (line !== "") family.samples.push(line)
        continue
      }
      family = families.get(name) ?? { heads: new Set(), samples: [] }
      families.set(name, family)
      family.heads.add(line)
    }
  }
  return [...families.values()].map(({ heads, samples }) => [...heads, ...samples, ""].join("\n")).join("")
}

/** Scrapers are few: of more connections than that the oldest is reset, which is the likeliest to stand still. */
const maxScrapers = 16

/** How long a scraper may take for everything, in milliseconds: Prometheus's own default is 10 seconds. */
const scrapeTime = 10_000

/** Lets no scraper stay, so that slow ones shut nobody out. */
const boundScrapers = (server: http.Server): void => {
  const open = new Set<net.Socket>()
  server.on("connection", (socket: net.Socket) => {
    const [oldest] = open
    if (open.size >= maxScrapers) oldest.resetAndDestroy()
    open.add(socket)
    const timer = setTimeout(() => socket.resetAndDestroy(), scrapeTime)
    socket.on("close", () => {
      clearTimeout(timer)
      open.delete(socket)
    })
  })
}

/** What is given: for machines that count, and for people who look. */
export interface Figures {
  /** In Prometheus's text form. */
  readonly metrics: Effect.Effect<string>
  /** As JSON. */
  readonly connections: Effect.Effect<string>
}

/** A page of the port. */
interface Page {
  readonly contentType: string
  readonly text: Effect.Effect<string>
}

const send = (response: http.ServerResponse, { contentType, text }: Page): void => {
  Effect.runFork(
    Effect.map(text, (body) => {
      response.writeHead(200, { "content-type": contentType, "content-length": Buffer.byteLength(body) })
      response.end(body)
    })
  )
}

/** Where they are given. */
export interface Exposed {
  readonly port: number
  /** For the process that takes the place of this one, where Node tells it. */
  readonly descriptor: number | undefined
  /** Takes no more scrapers, and waits for those that are here, a second at most. */
  readonly drain: Effect.Effect<void>
}

/** Answers `GET /metrics` and `GET /connections` on 127.0.0.1, or on a port that was passed, until the scope closes. */
const onPort = (
  port: number,
  figures: Figures,
  passed: number | undefined
): Effect.Effect<Exposed, MetricsError, Scope.Scope> =>
  // Loaded when it is wanted: to import it by name makes Node load its `fetch` and `WebSocket` as well.
  Effect.flatMap(
    Effect.promise(() => import("node:http")),
    ({ createServer }) => serving(createServer, port, figures, passed)
  )

const serving = (
  createServer: typeof http.createServer,
  port: number,
  figures: Figures,
  passed: number | undefined
): Effect.Effect<Exposed, MetricsError, Scope.Scope> => {
  let descriptor = passed
  const listen = (server: http.Server): void => {
    if (passed !== undefined) return void server.listen({ fd: passed })
    if (typeof net.BoundSocket !== "function") return void server.listen(port, "127.0.0.1")
    const bound = new net.BoundSocket({ host: "127.0.0.1", port })
    descriptor = bound.fd()
    server.listen(bound)
  }
  return Effect.acquireRelease(
    Effect.callback<http.Server, MetricsError>((resume) => {
      const pages = new Map<string | undefined, Page>([
        ["/metrics", { contentType: "text/plain; version=0.0.4; charset=utf-8", text: figures.metrics }],
        ["/connections", { contentType: "application/json", text: figures.connections }]
      ])
      const server = createServer((request, response) => {
        response.shouldKeepAlive = false
        const isRead = request.method === "GET" || request.method === "HEAD"
        const page = pages.get(request.url)
        if (isRead && page !== undefined) return send(response, page)
        response.writeHead(isRead ? 404 : 405, { "content-type": "text/plain" })
        response.end("GET /metrics, GET /connections\n")
      })
      boundScrapers(server)
      const fail = (error: NodeJS.ErrnoException): void => {
        const why = error.code === "EADDRINUSE" ? "address already in use" : error.message
        resume(Effect.fail(new MetricsError({ message: `metrics: listen 127.0.0.1:${port}: ${why}` })))
      }
      server.once("error", fail)
      server.once("listening", () => {
        server.off("error", fail)
        resume(Effect.succeed(server))
      })
      try {
        listen(server)
      } catch (error) {
        fail(error as NodeJS.ErrnoException)
      }
    }),
    (server) =>
      Effect.sync(() => {
        server.close()
        server.closeAllConnections()
      })
  ).pipe(
    Effect.map((server) => ({
      port: (server.address() as net.AddressInfo).port,
      descriptor,
      drain: Effect.asVoid(Effect.timeoutOption(closed(server), "1 second"))
    }))
  )
}

/** Closes the port alone. What Node's HTTP server does first ends those whose question is still on its way. */
const closed = (server: http.Server): Effect.Effect<void> =>
  Effect.callback((resume) => void net.Server.prototype.close.call(server, () => resume(Effect.void)))

const interval = "10 seconds"

/**
 * Written beside and renamed: a reader sees all of one time. The file beside is new, under a name that nobody can guess:
 * whoever else may write in the folder could have put a link there, to any file of this user's.
 */
const writeFile = (file: string, text: string): Effect.Effect<void, MetricsError> =>
  Effect.tryPromise({
    try: async () => {
      const beside = `${file}.${randomUUID()}`
      try {
        await fs.writeFile(beside, text, { flag: "wx" })
        await fs.rename(beside, file)
      } catch (error) {
        await fs.rm(beside, { force: true }).catch(() => {})
        throw error
      }
    },
    catch: (cause) =>
      new MetricsError({ message: `metrics: ${cause instanceof Error ? cause.message : String(cause)}` })
  })

/** Writes the file now, every 10 seconds, and when the scope closes. */
const intoFile = (
  file: string,
  text: Effect.Effect<string>,
  onError: (error: MetricsError) => Effect.Effect<void>
): Effect.Effect<void, MetricsError, Scope.Scope> => {
  const write = Effect.flatMap(text, (now) => writeFile(file, now))
  const again = Effect.catch(write, onError)
  return write.pipe(
    Effect.andThen(Effect.addFinalizer(() => again)),
    Effect.andThen(Effect.forkScoped(Effect.forever(Effect.andThen(Effect.sleep(interval), again)))),
    Effect.asVoid
  )
}

/**
 * Gives the figures where they are wanted until the scope closes, a file only the metrics: the port, if it is one. It may
 * have been passed.
 */
export const expose = (
  target: MetricsTarget,
  figures: Figures,
  onError: (error: MetricsError) => Effect.Effect<void>,
  passed?: number
): Effect.Effect<Exposed | undefined, MetricsError, Scope.Scope> =>
  target._tag === "Port"
    ? onPort(target.port, figures, passed)
    : Effect.as(intoFile(target.file, figures.metrics, onError), undefined)
