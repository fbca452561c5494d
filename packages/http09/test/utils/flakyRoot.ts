import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Random from "effect/Random"
import type * as Scope from "effect/Scope"
import { DocumentError, notFound, truncated } from "../../src/DocumentError.ts"
import { type Chunked, type Document, DocumentRoot } from "../../src/DocumentRoot.ts"

/** Dice whose every throw comes from a seed. */
export class Dice {
  private readonly random: typeof Random.Random.Service

  constructor(seed: string) {
    this.random = Effect.runSync(Random.withSeed(Effect.service(Random.Random), seed))
  }

  /** From `min` to `max`, both included. */
  int(min: number, max: number): number {
    return min + Math.floor(this.random.nextDoubleUnsafe() * (max - min + 1))
  }

  chance(probability: number): boolean {
    return this.random.nextDoubleUnsafe() < probability
  }

  pick<A>(values: ReadonlyArray<A>): A {
    return values[this.int(0, values.length - 1)]
  }
}

/** Bytes without a short period, so that lost, doubled and swapped ones show. */
export const bytes = (length: number): Uint8Array =>
  Uint8Array.from({ length }, (_, index) => (index * 7) ^ (index >> 5) ^ (index >> 11))

/** What a flaky root has, some of the time. */
export const documents: Readonly<Record<string, Uint8Array>> = {
  "/index.html": bytes(0),
  "/small": bytes(700),
  "/large": bytes(30_000)
}

/**
 * A root on a bad disk: it is slow, it fails to open, and it fails in the middle or ends early. `/small` is read at once
 * and `/large` in chunks, whose memory is spoilt as soon as it is not lent any more.
 */
export class FlakyRoot {
  /** Documents that are open now. */
  open = 0
  private readonly dice: Dice

  constructor(dice: Dice) {
    this.dice = dice
  }

  get layer(): Layer.Layer<DocumentRoot> {
    return Layer.succeed(DocumentRoot, {
      open: (path) =>
        Effect.suspend((): Effect.Effect<Document, DocumentError, Scope.Scope> => {
          const content = documents[path === "/" ? "/index.html" : path]
          if (content === undefined) return Effect.fail(notFound(path))
          if (this.dice.chance(0.1)) return Effect.fail(broken(path))
          if (content.length < 1000) return Effect.succeed({ _tag: "Whole", name: path, bytes: content })
          return Effect.acquireRelease(
            Effect.sync((): Chunked => {
              this.open++
              return this.chunked(path, content)
            }),
            () => Effect.sync(() => this.open--)
          )
        })
    })
  }

  private chunked(path: string, content: Uint8Array): Chunked {
    const { dice } = this
    const [chunkBytes, slowness] = [dice.int(500, 8000), dice.pick([0, 0, 50, 2000])]
    const failsAt = dice.chance(0.3) ? dice.int(0, content.length) : Infinity
    const error = dice.chance(0.5) ? broken(path) : truncated(path, content.length, Math.min(failsAt, content.length))
    return {
      _tag: "Chunked",
      name: path,
      size: content.length,
      forEach: Effect.fnUntraced(function* (f) {
        for (let at = 0; at < content.length; at += chunkBytes) {
          if (slowness > 0) yield* Effect.sleep(dice.int(0, slowness))
          if (at + chunkBytes > failsAt) return yield* error
          const chunk = content.slice(at, at + chunkBytes)
          yield* f(chunk)
          chunk.fill(0xaa)
        }
      })
    }
  }
}

const broken = (path: string): DocumentError =>
  new DocumentError({ path, reason: { _tag: "Unknown", code: "EIO", detail: "i/o error" } })
