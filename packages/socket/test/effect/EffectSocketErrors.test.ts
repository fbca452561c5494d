import { assert, describe, it } from "@effect/vitest"
import * as Socket from "effect/socket/Socket"
import * as EffectSocket from "../../src/EffectSocket.ts"
import { Operation, NetworkError } from "../../src/NetworkError.ts"
import { nameOf } from "../utils/effectSocket.ts"

describe("errors", () => {
  const reset = { _tag: "ConnectionReset" } as const

  it("each operation of ours has its place in effect's reasons, and comes back as it was", () => {
    const places = Operation.literals.map((operation) => {
      const ours = NetworkError.make({ operation, address: "127.0.0.1:80", reason: reset })
      const theirs = EffectSocket.toEffectError(ours)
      assert.strictEqual(EffectSocket.fromEffectError(theirs), ours)
      return [operation, theirs.reason._tag]
    })
    assert.deepStrictEqual(Object.fromEntries(places), {
      connect: "SocketOpenError",
      listen: "SocketOpenError",
      accept: "SocketOpenError",
      open: "SocketOpenError",
      read: "SocketReadError",
      write: "SocketWriteError",
      close: "SocketWriteError",
      tls: "SocketUpgradeError",
      configure: "SocketReadError"
    })
  })

  const cause = Object.assign(new Error("read ECONNRESET"), { code: "ECONNRESET" })
  const alert = Object.assign(new Error("self-signed certificate"), { code: "DEPTH_ZERO_SELF_SIGNED_CERT" })
  const theirs: ReadonlyArray<readonly [Socket.SocketErrorReason, string]> = [
    [new Socket.SocketReadError({ cause }), "read x: connection reset"],
    [new Socket.SocketWriteError({ cause }), "write x: connection reset"],
    [new Socket.SocketWriteError({ cause: "odd" }), "write x: odd (UNKNOWN)"],
    [new Socket.SocketOpenError({ kind: "Unknown", cause }), "open x: connection reset"],
    [new Socket.SocketOpenError({ kind: "Timeout", cause }), "open x: timed out"],
    [new Socket.SocketUpgradeError({}), "tls x: not supported: TLS on this socket"],
    [
      new Socket.SocketUpgradeError({ cause: alert }),
      "tls x: TLS: self-signed certificate (DEPTH_ZERO_SELF_SIGNED_CERT)"
    ],
    [new Socket.SocketCloseError({ code: 1000 }), "read x: input ended after 0 of 1 bytes"],
    [new Socket.SocketCloseError({ code: 1006 }), "read x: connection reset"],
    [new Socket.SocketCloseError({ code: 1009, closeReason: "too big" }), "read x: too big (1009)"]
  ]
  for (const [reason, message] of theirs) {
    it(`effect's ${reason._tag} becomes: ${message}`, () => {
      assert.strictEqual(EffectSocket.fromEffectError(new Socket.SocketError({ reason }), "x").message, message)
    })
  }

  it("the end of input and a use after close are close codes 1000 and 1006", () => {
    const codeOf = (reason: NetworkError["reason"]) =>
      nameOf(EffectSocket.toEffectError(NetworkError.make({ operation: "read", address: "x", reason })))
    assert.strictEqual(codeOf({ _tag: "UnexpectedEof", expected: 1, received: 0 }), "1000")
    assert.strictEqual(codeOf({ _tag: "Closed" }), "1006")
  })
})
