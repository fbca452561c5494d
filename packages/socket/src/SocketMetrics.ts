/**
 * What servers count, as effect's metrics: `effect/observability`'s Prometheus and OTLP exporters read them.
 */
import * as Metric from "effect/Metric"
import type { Refusal } from "./internal/server/AdmissionRules.ts"

/** Connections that handlers are busy with now. */
export const active = Metric.gauge("socket_connections_active", {
  description: "Connections that handlers are busy with now"
})

/** Connections that were given to a handler. */
export const accepted = Metric.counter("socket_connections_accepted", {
  description: "Connections that were given to a handler",
  incremental: true
})

const refused = Metric.counter("socket_connections_refused", {
  description: "Connections that were reset before a handler had them",
  incremental: true
})

/** Connections that were reset before a handler had them, by reason. */
export const refusedFor: { readonly [K in Refusal]: typeof refused } = {
  Access: Metric.withAttributes(refused, { reason: "access" }),
  MaxPerPeer: Metric.withAttributes(refused, { reason: "max_per_peer" }),
  ProxyHeader: Metric.withAttributes(refused, { reason: "proxy_header" }),
  QueueFull: Metric.withAttributes(refused, { reason: "queue_full" }),
  QueueTimeout: Metric.withAttributes(refused, { reason: "queue_timeout" }),
  Stopped: Metric.withAttributes(refused, { reason: "stopped" })
}

/** How a connection ended: its handler succeeded, failed or died, or was ended by the server. */
export type Outcome = "Succeeded" | "Failed" | "Interrupted"

const ended = Metric.counter("socket_connections_ended", {
  description: "Connections that have ended, by how their handler did",
  incremental: true
})

/** Connections that have ended, by how their handler did. Ordinary disconnects are counted here and not logged. */
export const endedBy: { readonly [K in Outcome]: typeof ended } = {
  Succeeded: Metric.withAttributes(ended, { outcome: "succeeded" }),
  Failed: Metric.withAttributes(ended, { outcome: "failed" }),
  Interrupted: Metric.withAttributes(ended, { outcome: "interrupted" })
}

/** Bytes that peers sent, counted when their connections end. */
export const bytesRead = Metric.counter("socket_bytes_read", {
  description: "Bytes that peers sent, counted when their connections end",
  incremental: true
})

/** Bytes that the kernel took for peers, counted when their connections end. */
export const bytesWritten = Metric.counter("socket_bytes_written", {
  description: "Bytes that the kernel took for peers, counted when their connections end",
  incremental: true
})
