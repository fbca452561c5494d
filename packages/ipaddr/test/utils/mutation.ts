import * as Arbitrary from "effect/Arbitrary"
import * as Schema from "effect/Schema"

const edit = Arbitrary.schema(
  Schema.Struct({
    at: Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 63 })),
    kind: Schema.Literals(["insert", "replace", "delete", "double"]),
    index: Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 255 }))
  })
)

/** Texts that are one to three small edits away from a right one, with characters that parsers are known to trip on. */
export const mutated = (valid: Arbitrary.Arbitrary<string>, alphabet: string): Arbitrary.Arbitrary<string> =>
  Arbitrary.map(Arbitrary.all([valid, Arbitrary.array(edit, { minLength: 0, maxLength: 3 })]), ([text, edits]) => {
    for (const { at, kind, index } of edits) {
      const position = at % (text.length + 1)
      const insert =
        kind === "delete" ? "" : kind === "double" ? text.slice(0, position) : alphabet[index % alphabet.length]
      text =
        text.slice(0, position) + insert + text.slice(kind === "insert" || kind === "double" ? position : position + 1)
    }
    return text
  })
