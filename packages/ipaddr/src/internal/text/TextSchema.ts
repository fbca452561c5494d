/**
 * Schemas from a parser and a printer: text outside (or another plain form), a value inside.
 */
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import * as SchemaIssue from "effect/SchemaIssue"
import * as SchemaTransformation from "effect/SchemaTransformation"

/** A schema's transformation from a parser and a printer. A parser's error becomes the schema's, with its message. */
export const codec = <A, E>(
  decode: (input: E) => Result.Result<A, { readonly message: string }>,
  encode: (value: A) => E
) =>
  SchemaTransformation.transformEffect<A, E>({
    decode: (input, options) =>
      Result.match(decode(input), {
        onSuccess: (value) => Effect.succeed(value),
        onFailure: (error) => Effect.fail(new SchemaIssue.InvalidValue({ message: error.message }, input, options))
      }),
    encode: (value) => Effect.succeed(encode(value))
  })

/** A schema for text outside and a value inside. */
export const textSchema = <S extends Schema.Constraint>(
  schema: S,
  fromString: (text: string) => Result.Result<S["Type"], { readonly message: string }>,
  format: (value: S["Type"]) => string,
  identifier: string
) =>
  Schema.String.pipe(Schema.decodeTo(Schema.toType(schema), codec(fromString, format)), Schema.annotate({ identifier }))
