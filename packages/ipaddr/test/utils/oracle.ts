import { assert } from "@effect/vitest"
import * as Result from "effect/Result"
import type { IpaddrError } from "../../src/IpaddrError.ts"
import { inet } from "./python.ts"

/** Fails unless our parser takes the same texts as the C library's function and gives the same addresses. */
export const assertSame = (
  kind: Parameters<typeof inet>[0],
  parse: (text: string) => Result.Result<number | bigint, IpaddrError>,
  texts: ReadonlyArray<string>
): void => {
  const answers = inet(kind, texts)
  const width = kind === "pton6" ? 32 : 8
  texts.forEach((text, index) => {
    const ours = Result.match(parse(text), {
      onSuccess: (value) => value.toString(16).padStart(width, "0"),
      onFailure: () => null
    })
    assert.strictEqual(ours, answers[index], `${kind} ${JSON.stringify(text)}`)
  })
}
