/**
 * What `http09 get` is told to get, and the files to save it in. Pure.
 */
import * as Option from "effect/Option"
import * as Result from "effect/Result"
import * as Http09Url from "../../Http09Url.ts"
import { isPort, portRange, withoutBrackets } from "../common.ts"

const isUrl = (word: string): boolean => word.includes("://")

const usage = "expected http:// URLs, or a host, a port and a path"

/** URLs, or one document by its host, port and path. **Errors** say in words what is wrong. */
export const fromWords = (words: ReadonlyArray<string>): Result.Result<ReadonlyArray<Http09Url.Http09Url>, string> => {
  if (words.length > 0 && words.every(isUrl)) {
    return Result.all(
      words.map((word) => Result.mapError(Http09Url.fromString(word), (why) => `${word}: ${Http09Url.refusals[why]}`))
    )
  }
  const [host, digits, path] = words
  if (words.length !== 3 || words.slice(0, 2).some(isUrl)) return Result.fail(usage)
  const port = Number(digits)
  if (!/^\d+$/.test(digits) || !isPort(1)(port)) return Result.fail(`the port must be ${portRange(1)()}, not ${digits}`)
  return Result.succeed([{ host: withoutBrackets(host), port, path }])
}

/** A file for each document: the last part of its path. **Errors** if one has no such name, or two have the same. */
export const fileNames = (
  targets: ReadonlyArray<Http09Url.Http09Url>
): Result.Result<ReadonlyArray<string>, string> => {
  const names = new Set<string>()
  for (const target of targets) {
    const name = Http09Url.fileName(target.path)
    if (Option.isNone(name)) return Result.fail(`${Http09Url.format(target)} names no file: save it with -o file`)
    if (names.has(name.value)) return Result.fail(`two documents would be saved as ${name.value}`)
    names.add(name.value)
  }
  return Result.succeed([...names])
}
