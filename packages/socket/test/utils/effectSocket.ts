/** Programs that run over TCP and over the memory network, and effect's own sockets beside ours. */
import * as Resolver from "@effect-sockets/resolver/Resolver"
import { assert, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import type * as Scope from "effect/Scope"
import * as Socket from "effect/socket/Socket"
import * as MemoryNetwork from "../../src/MemoryNetwork.ts"
import type { Network } from "../../src/Network.ts"
import type { NetworkError } from "../../src/NetworkError.ts"
import * as SocketStream from "../../src/SocketStream.ts"
import { live, text } from "./live.ts"

type Program = Effect.Effect<unknown, unknown, Network | Resolver.Resolver | Scope.Scope>

const resolver = Layer.orDie(Resolver.layerStatic({ hosts: { localhost: ["127.0.0.1"] } }))

/** A test on a memory network, on the real clock; it fails if an end of a connection stays open. */
export const inMemory = (name: string, test: Program, options: MemoryNetwork.Options = {}): void =>
  it.live(name, () =>
    Effect.gen(function* () {
      yield* Effect.scoped(test)
      assert.strictEqual(yield* MemoryNetwork.descriptors, 0)
    }).pipe(Effect.provide([MemoryNetwork.layer(options), resolver]))
  )

/** The same test over TCP and over the memory network. */
export const onEach = (name: string, test: Program): void => {
  live(`TCP: ${name}`, Effect.orDie(test))
  inMemory(`memory: ${name}`, test)
}

export const start = <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.forkChild(effect, { startImmediately: true })

/** What a peer sees at the end: its last bytes, or why there is no end. */
export const ending = (peer: SocketStream.SocketStream): Effect.Effect<string> =>
  SocketStream.readAll(peer, { maxBytes: Infinity }).pipe(
    Effect.match({ onSuccess: (all) => `${text(all)}, FIN`, onFailure: (error: NetworkError) => error.reason._tag })
  )

export const textOf = (batch: ReadonlyArray<string | Uint8Array>): string =>
  batch.map((chunk) => (typeof chunk === "string" ? chunk : text(chunk))).join("")

/** All that comes until the reader fails, as text, and the error. */
export const drained = (reader: Socket.Reader): Effect.Effect<readonly [string, Socket.SocketError]> =>
  Effect.suspend(() => {
    let all = ""
    const next = Effect.map(reader.pull, (batch) => {
      all += textOf(batch)
    })
    return Effect.map(Effect.flip(Effect.forever(next)), (error) => [all, error] as const)
  })

/** The size of a batch. */
export const sizeOf = (batch: ReadonlyArray<string | Uint8Array>): number =>
  batch.reduce((size, chunk) => size + chunk.length, 0)

/** `1000` for a close, the reason's tag otherwise. */
export const nameOf = ({ reason }: Socket.SocketError): string =>
  reason._tag === "SocketCloseError" ? String(reason.code) : reason._tag

/** Writes `size` bytes a time until the write waits; how many were taken. */
export const fill = <E>(write: (chunk: Uint8Array) => Effect.Effect<void, E>, size: number): Effect.Effect<number, E> =>
  Effect.suspend(() => {
    const chunk = new Uint8Array(size)
    const go = (taken: number): Effect.Effect<number, E> =>
      Effect.flatMap(Effect.timeoutOption(write(chunk), 100), (outcome) =>
        Option.isNone(outcome) ? Effect.succeed(taken) : go(taken + size)
      )
    return go(0)
  })
