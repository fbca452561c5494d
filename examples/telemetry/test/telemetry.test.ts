import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import type { MetricsData } from "effect/observability/OtlpMetrics"
import type { TraceData } from "effect/observability/OtlpTracer"
import { spawn } from "node:child_process"
import { once } from "node:events"
import * as http from "node:http"
import * as net from "node:net"
import { fileURLToPath } from "node:url"

const main = fileURLToPath(new URL("../main.ts", import.meta.url))

/** The port of a server that listens on 127.0.0.1 until the scope closes. */
const listening = (server: net.Server) =>
  Effect.acquireRelease(
    Effect.promise(async () => {
      server.listen(0, "127.0.0.1")
      await once(server, "listening")
      return (server.address() as net.AddressInfo).port
    }),
    () => Effect.sync(() => server.close())
  )

/** What a collector for OTLP over HTTP, in JSON, was sent. */
const collecting = Effect.gen(function* () {
  const traces: Array<TraceData> = []
  const metrics: Array<MetricsData> = []
  const server = http.createServer((request, response) => {
    const chunks: Array<Buffer> = []
    request.on("data", (chunk: Buffer) => chunks.push(chunk))
    request.on("end", () => {
      const body: unknown = JSON.parse(Buffer.concat(chunks).toString())
      if (request.url === "/v1/traces") traces.push(body as TraceData)
      if (request.url === "/v1/metrics") metrics.push(body as MetricsData)
      response.setHeader("connection", "close").end("{}")
    })
  })
  return { port: yield* listening(server), traces, metrics }
})

/** The program, and what ends it in order. */
const relaying = Effect.fnUntraced(function* (upstream: number, env: Record<string, string>) {
  const child = yield* Effect.acquireRelease(
    Effect.sync(() =>
      spawn(process.execPath, [main, "0", "localhost", String(upstream)], { env: { ...process.env, ...env } })
    ),
    (child) => Effect.sync(() => child.kill("SIGKILL"))
  )
  const closed = once(child, "close")
  child.stderr.pipe(process.stderr)
  const [line] = yield* Effect.promise((): Promise<Array<Buffer>> => once(child.stdout, "data"))
  const port = Number(/:(\d+)\)/.exec(line.toString())?.[1])
  const end = Effect.promise(() => {
    child.kill("SIGINT")
    return closed
  })
  return { port, end }
})

/** Connects, and gives what came: `undefined` if it was cut. */
const ask = (port: number) =>
  Effect.callback<string | undefined>((resume) => {
    const socket = net.connect(port, "127.0.0.1")
    let text = ""
    socket.on("data", (chunk: Buffer) => (text += chunk.toString()))
    socket.on("end", () => resume(Effect.succeed(text)))
    socket.on("error", () => resume(Effect.undefined))
    socket.end()
  })

const exporting = (port: number) => ({
  OTEL_SERVICE_NAME: "relay",
  OTEL_TRACES_EXPORTER: "otlp",
  OTEL_METRICS_EXPORTER: "otlp",
  OTEL_EXPORTER_OTLP_ENDPOINT: `http://127.0.0.1:${port}`
})

describe("a relay with effect's OTLP exporter", () => {
  it.live("sends a collector the tree of each connection and what was counted", () =>
    Effect.gen(function* () {
      const collector = yield* collecting
      const upstream = net.createServer((socket) => socket.end("Thursday\r\n"))
      const upstreamPort = yield* listening(upstream)
      const relay = yield* relaying(upstreamPort, exporting(collector.port))
      assert.strictEqual(yield* ask(relay.port), "Thursday\r\n")
      yield* Effect.promise(() => new Promise((resolve) => upstream.close(resolve)))
      assert.isUndefined(yield* ask(relay.port))
      yield* relay.end

      const resources = collector.traces.flatMap(({ resourceSpans }) => resourceSpans)
      assert.deepInclude(resources[0].resource.attributes, { key: "service.name", value: { stringValue: "relay" } })
      const spans = resources
        .flatMap(({ scopeSpans }) => scopeSpans.flatMap(({ spans }) => spans))
        .map(({ attributes, ...span }) => ({
          ...span,
          is: Object.fromEntries(attributes.map(({ key, value }) => [key, value.stringValue ?? value.intValue]))
        }))
      /** The spans below another, or below none, in the order in which they began. */
      const below = (parent: string | undefined, traceId?: string) => {
        const found = spans.filter((span) => span.parentSpanId === parent && (traceId ?? span.traceId) === span.traceId)
        return found.toSorted((one, other) => Number(BigInt(one.startTimeUnixNano) - BigInt(other.startTimeUnixNano)))
      }
      const [first, second, ...others] = below(undefined)
      assert.deepStrictEqual(others, [])
      for (const [root, status] of [
        [first, 1],
        [second, 2]
      ] as const) {
        assert.deepStrictEqual([root.name, root.kind, root.status.code], ["socket connection", 2, status])
        assert.include(root.is, {
          "network.transport": "tcp",
          "network.type": "ipv4",
          "network.peer.address": "127.0.0.1",
          "network.local.address": "127.0.0.1",
          "network.local.port": relay.port
        })
        const [open] = below(root.spanId, root.traceId)
        assert.deepStrictEqual([open.name, open.kind, open.status.code], ["SocketStream.open", 3, status])
        assert.include(open.is, { "server.address": "localhost", "server.port": upstreamPort })
        const within = below(open.spanId, root.traceId)
        const lookup = within.find(({ name }) => name === "Resolver.answers")
        assert.strictEqual(lookup?.is["dns.question.name"], "localhost")
        const overV4 = within.find(({ is }) => is["network.peer.address"] === "127.0.0.1")
        assert.deepStrictEqual([overV4?.name, overV4?.kind, overV4?.status.code], ["socket connect", 3, status])
      }
      assert.strictEqual(second.is["error.type"], "ConnectionRefused")
      assert.strictEqual(first.is["error.type"], undefined)

      const counted = collector.metrics
        .flatMap(({ resourceMetrics }) => resourceMetrics)
        .flatMap(({ scopeMetrics }) => scopeMetrics.flatMap(({ metrics }) => metrics))
        .map(({ name }) => name)
      assert.includeMembers(counted, [
        "socket_connections_accepted",
        "socket_connections_ended",
        "socket_attempts",
        "socket_open_seconds",
        "socket_opens_failed"
      ])
    }).pipe(Effect.scoped)
  )

  it.live("works without one, and sends nothing", () =>
    Effect.gen(function* () {
      const collector = yield* collecting
      const upstream = yield* listening(net.createServer((socket) => socket.end("Thursday\r\n")))
      const relay = yield* relaying(upstream, { ...exporting(collector.port), OTEL_SDK_DISABLED: "true" })
      assert.strictEqual(yield* ask(relay.port), "Thursday\r\n")
      yield* relay.end
      assert.deepStrictEqual([collector.traces, collector.metrics], [[], []])
    }).pipe(Effect.scoped)
  )
})
