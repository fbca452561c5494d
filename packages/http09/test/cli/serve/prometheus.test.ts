import { assert, describe } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as fs from "node:fs"
import * as path from "node:path"
import { temporary } from "../../utils/folders.ts"
import { needs, serverOf, title } from "../../utils/programs.ts"
import { connect } from "../../utils/raw.ts"
import { eventually, measured } from "../../utils/workers.ts"

/** Prometheus with one target; its API. It looks at its targets for the first time after 5 seconds. */
const scraping = (target: string) =>
  Effect.gen(function* () {
    const folder = yield* temporary
    const config = path.join(folder, "prometheus.yml")
    const job = { job_name: "http09", static_configs: [{ targets: [target] }] }
    // YAML has JSON in it.
    fs.writeFileSync(config, JSON.stringify({ global: { scrape_interval: "200ms" }, scrape_configs: [job] }))
    const port = yield* serverOf("prometheus", (port) => [
      `--config.file=${config}`,
      `--storage.tsdb.path=${path.join(folder, "data")}`,
      `--web.listen-address=127.0.0.1:${port}`,
      "--log.level=error"
    ])
    return async <A>(endpoint: string): Promise<A> => {
      const answer = await fetch(`http://127.0.0.1:${port}/api/v1/${endpoint}`)
      return answer.ok ? ((await answer.json()) as { data: A }).data : ({} as A)
    }
  })

interface Vector {
  readonly result?: ReadonlyArray<{ readonly value: readonly [time: number, value: string] }>
}

describe("http09 serve --metrics, scraped by Prometheus", () => {
  needs("prometheus")(
    title("prometheus", "gives it what all workers counted, as gauges, counters and histograms"),
    () =>
      Effect.gen(function* () {
        const server = yield* measured(["--max-connections", "2", "--workers", "2"])
        const api = yield* scraping(new URL(server.url).host)
        /** Waits until a query has that answer. */
        const asks = (query: string, expected: number) =>
          Effect.gen(function* () {
            let last: string | undefined
            const held = yield* eventually(async () => {
              const { result } = await api<Vector>(`query?query=${encodeURIComponent(query)}`)
              last = result?.[0]?.value[1]
              return Number(last) === expected
            })
            assert.isTrue(held, `${query} is ${last}`)
          })
        yield* asks("up", 1)
        // A worker has one at a time; those that come to it meanwhile wait.
        const sockets = yield* Effect.forEach([1, 2, 3, 4], () => connect(server.port))
        yield* asks("sum(socket_connections_active) + sum(socket_connections_waiting)", 4)
        for (const socket of sockets) socket.resume().end("GET /protocol.txt\r\n")
        yield* asks('sum(socket_connections_ended{outcome="succeeded"})', 4)
        yield* asks("sum(socket_connections_active) + sum(socket_connections_waiting)", 0)
        yield* asks("count(socket_connections_active)", 2)
        // All but the first of each worker had to wait.
        const first = "count(socket_connections_accepted)"
        yield* asks(`sum(socket_connections_accepted) - ${first} - sum(socket_connections_wait_seconds_count)`, 0)
        yield* asks(`sum(socket_connections_wait_seconds_bucket{le="+Inf"}) + ${first}`, 4)
        const types = yield* Effect.promise(() => api<Record<string, ReadonlyArray<{ type: string }>>>("metadata"))
        const typed = Object.entries(types).flatMap(([name, [{ type }]]) =>
          name.startsWith("socket_") ? [`${name} ${type}`] : []
        )
        assert.includeMembers(typed, [
          "socket_connections_active gauge",
          "socket_connections_waiting gauge",
          "socket_connections_accepted counter",
          "socket_connections_wait_seconds histogram"
        ])
      }).pipe(Effect.scoped),
    60_000
  )
})
