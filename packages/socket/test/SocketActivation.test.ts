import { assert, describe, it } from "@effect/vitest"
import * as ConfigProvider from "effect/ConfigProvider"
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import * as SocketActivation from "../src/SocketActivation.ts"

const parse = (pid: string | undefined, count: string | undefined, names?: string) =>
  SocketActivation.fromVariables({ LISTEN_PID: pid, LISTEN_FDS: count, LISTEN_FDNAMES: names }, 7)

const message = (...args: Parameters<typeof parse>) => Result.getOrThrow(Result.flip(parse(...args))).message

describe("the variables of socket activation", () => {
  it("nothing was passed where one of them is missing, or where they are for another process", () => {
    for (const none of [parse(undefined, undefined), parse("7", undefined), parse(undefined, "1"), parse("8", "1")]) {
      assert.deepStrictEqual(none, Result.succeed([]))
    }
    // Whatever is for another process need not make sense here.
    assert.deepStrictEqual(parse("8", "many", "a:b"), Result.succeed([]))
  })

  it("descriptors are counted from 3, with their names, or as unknown where none are given", () => {
    assert.deepStrictEqual(
      parse("7", "2", "web:"),
      Result.succeed([
        { descriptor: 3, name: "web" },
        { descriptor: 4, name: "" }
      ])
    )
    assert.deepStrictEqual(parse("7", "1"), Result.succeed([{ descriptor: 3, name: "unknown" }]))
  })

  it("what cannot be meant is a typed error that names the variable", () => {
    for (const value of ["", "0", "-1", "1.5", "x", "99999999999", "1e3", " 1"]) {
      assert.strictEqual(
        message("7", value),
        `LISTEN_FDS is ${JSON.stringify(value)} and must be a number from 1 to 1048576`
      )
      assert.include(message(value, "1"), `LISTEN_PID is ${JSON.stringify(value)}`)
    }
    assert.strictEqual(message("7", "2", "web"), 'LISTEN_FDNAMES is "web" and must be 2 names with colons between them')
    assert.strictEqual(message("7", "1", "a:b"), 'LISTEN_FDNAMES is "a:b" and must be 1 name with colons between them')
  })

  it.effect("they are read from effect's Config", () => {
    const env = { LISTEN_PID: "7", LISTEN_FDS: "1", LISTEN_FDNAMES: "web" }
    return Effect.gen(function* () {
      assert.deepStrictEqual(yield* SocketActivation.passedTo(7), [{ descriptor: 3, name: "web" }])
      assert.deepStrictEqual(yield* SocketActivation.passedTo(8), [])
    }).pipe(Effect.provide(ConfigProvider.layer(ConfigProvider.fromEnv({ env }))))
  })
})
