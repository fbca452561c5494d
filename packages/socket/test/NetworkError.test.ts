import * as Resolver from "@effect-sockets/resolver/Resolver"
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import { type Reason, reasonFromCause, NetworkError } from "../src/NetworkError.ts"

const errno = (code: string): Error => Object.assign(new Error(`connect ${code} 127.0.0.1:80`), { code })

const connecting = (reason: Reason, attempts?: ReadonlyArray<NetworkError>) =>
  NetworkError.make({ operation: "connect", address: "127.0.0.1:80", reason, ...(attempts && { attempts }) })

describe("the reason for a system error", () => {
  for (const [code, tag, isRetryable] of [
    ["EADDRINUSE", "AddressInUse", true],
    ["EADDRNOTAVAIL", "AddressNotAvailable", false],
    ["EACCES", "PermissionDenied", false],
    ["EPERM", "PermissionDenied", false],
    ["ECONNREFUSED", "ConnectionRefused", true],
    ["ECONNRESET", "ConnectionReset", true],
    ["EPIPE", "ConnectionReset", true],
    ["ECONNABORTED", "ConnectionReset", true],
    ["ETIMEDOUT", "TimedOut", true],
    ["EHOSTUNREACH", "HostUnreachable", true],
    ["ENETUNREACH", "NetworkUnreachable", true],
    ["EMFILE", "OutOfDescriptors", true],
    ["ENFILE", "OutOfDescriptors", true],
    ["EAFNOSUPPORT", "Unsupported", false],
    ["EWHATEVER", "Unknown", false]
  ] as const) {
    it(`${code} is ${tag}, ${isRetryable ? "worth" : "not worth"} another try`, () => {
      const error = connecting(reasonFromCause(errno(code)))
      assert.strictEqual(error.reason._tag, tag)
      assert.strictEqual(error.isRetryable, isRetryable)
      assert.match(error.message, /^connect 127\.0\.0\.1:80: .+$/)
    })
  }

  it("an unknown code is kept and its words are said once", () => {
    assert.strictEqual(
      connecting(reasonFromCause(errno("EWHATEVER"))).message,
      "connect 127.0.0.1:80: connect EWHATEVER 127.0.0.1:80"
    )
  })

  it("what is thrown but is no error at all still gives a line", () => {
    for (const cause of [undefined, null, "text", 7, {}]) {
      assert.strictEqual(reasonFromCause(cause)._tag, "Unknown")
    }
  })
})

describe("an error", () => {
  it("survives JSON, with its attempts", () => {
    const error = NetworkError.make({
      operation: "open",
      address: "host.test:80",
      reason: { _tag: "ConnectionRefused" },
      attempts: [connecting({ _tag: "ConnectionRefused" }), connecting({ _tag: "TimedOut", millis: 250 })]
    })
    const codec = Schema.toCodecJson(NetworkError)
    const back = Schema.decodeUnknownSync(codec)(JSON.parse(JSON.stringify(Schema.encodeSync(codec)(error))))
    assert.strictEqual(back.message, error.message)
    assert.deepStrictEqual(back.attempts?.[1].reason, { _tag: "TimedOut", millis: 250 })
  })

  it.effect("of a name is worth another try exactly if the resolver's is", () =>
    Effect.gen(function* () {
      const error = yield* Effect.flip(Resolver.lookup("nowhere.test"))
      assert.strictEqual(connecting({ _tag: "Resolution", error }).isRetryable, error.isTemporary)
    }).pipe(Effect.provide(Resolver.layerStatic({})))
  )
})
