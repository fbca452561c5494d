/**
 * `node examples/telemetry/main.ts 7000 time.example 13`: relays port 7000 to another host. Where the environment names a
 * collector, in OpenTelemetry's words, it gets a trace for each connection, and all metrics:
 *
 *     OTEL_SERVICE_NAME=relay OTEL_TRACES_EXPORTER=otlp OTEL_METRICS_EXPORTER=otlp \
 *       OTEL_EXPORTER_OTLP_ENDPOINT=http://127.0.0.1:4318 node examples/telemetry/main.ts 7000 time.example 13
 *
 * Without, there is no tracer, and no span is made.
 */
import * as NodeResolver from "@effect-sockets/resolver/NodeResolver"
import * as NodeNetwork from "@effect-sockets/socket/NodeNetwork"
import * as ServerSocket from "@effect-sockets/socket/ServerSocket"
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import * as FetchHttpClient from "effect/http/FetchHttpClient"
import * as Layer from "effect/Layer"
import * as Otlp from "effect/observability/Otlp"
import * as OtlpSerialization from "effect/observability/OtlpSerialization"
import { serve } from "./Relay.ts"

const [port = "7000", host = "localhost", remotePort = "13"] = process.argv.slice(2)

const telemetry = Layer.provide(Otlp.layerFromConfig(), [OtlpSerialization.layerJson, FetchHttpClient.layer])

const program = Effect.gen(function* () {
  const listener = yield* ServerSocket.listen(Number(port))
  yield* Console.log(String(listener))
  return yield* serve(listener, host, Number(remotePort))
})

program.pipe(Effect.scoped, Effect.provide([NodeNetwork.layer, NodeResolver.layer, telemetry]), NodeRuntime.runMain)
