/** What codecs must find, computed from the whole input at once, by regular expressions and slices. */

/** The frames of a whole input, or nothing if it is no run of frames. */
export type Oracle = (input: Buffer) => Array<unknown> | undefined

/** Takes frames from the front with `step`, which gives a frame and its size, or nothing. */
const run =
  (step: (rest: Buffer) => readonly [frame: unknown, size: number] | undefined): Oracle =>
  (input) => {
    const frames: Array<unknown> = []
    for (let rest = input; rest.length > 0;) {
      const taken = step(rest)
      if (taken === undefined) return undefined
      frames.push(taken[0])
      rest = rest.subarray(taken[1])
    }
    return frames
  }

const match = (rest: Buffer, expression: RegExp): RegExpExecArray | null => expression.exec(rest.toString("latin1"))

/** The bytes, as a plain array that compares by value. */
const plain = (bytes: Uint8Array): Uint8Array => Uint8Array.from(bytes)

export const delimited = (delimiter: string, max: number): Oracle =>
  run((rest) => {
    const at = rest.indexOf(delimiter)
    const end = at === -1 ? rest.length : at
    return end > max ? undefined : [plain(rest.subarray(0, end)), at === -1 ? end : end + delimiter.length]
  })

export const line = (max: number): Oracle =>
  run((rest) => {
    const at = rest.indexOf("\n")
    const end = at === -1 ? rest.length : at
    const content = rest.subarray(0, rest[end - 1] === 13 ? end - 1 : end)
    return content.length > max
      ? undefined
      : [new TextDecoder("utf-8", { ignoreBOM: true }).decode(content), at === -1 ? end : end + 1]
  })

export const bytes = (count: number): Oracle =>
  run((rest) => (rest.length < count ? undefined : [plain(rest.subarray(0, count)), count]))

export const integer = (size: number, isLittle: boolean): Oracle =>
  run((rest) =>
    rest.length < size ? undefined : [isLittle ? rest.readUIntLE(0, size) : rest.readUIntBE(0, size), size]
  )

export const lengthPrefixed = (size: number, isLittle: boolean, max: number): Oracle =>
  run((rest) => {
    if (rest.length < size) return undefined
    const count = isLittle ? rest.readUIntLE(0, size) : rest.readUIntBE(0, size)
    return count > max || rest.length < size + count
      ? undefined
      : [plain(rest.subarray(size, size + count)), size + count]
  })

export const decimalLine: Oracle = run((rest) => {
  const found = match(rest, /^(-?\d{1,15})\r?\n/)
  return found === null ? undefined : [Number(found[1]), found[0].length]
})

export const netstring = (max: number): Oracle =>
  run((rest) => {
    const found = match(rest, /^(0|[1-9]\d*):/)
    if (found === null || Number(found[1]) > max) return undefined
    const start = found[0].length
    const end = start + Number(found[1])
    return rest[end] === 44 ? [plain(rest.subarray(start, end)), end + 1] : undefined
  })

/** Lines of JSON that hold a number. */
export const jsonNumber = (max: number): Oracle => {
  const lines = line(max)
  return (input) => {
    try {
      const values = lines(input)?.map((text): unknown => JSON.parse(text as string))
      return values?.every(Number.isFinite) ? values : undefined
    } catch {
      return undefined
    }
  }
}

/** Arrays of bulk strings, as the commands of Redis are. */
export const command: Oracle = run((rest) => {
  const head = match(rest, /^\*(\d+)\r?\n/)
  if (head === null) return undefined
  const args: Array<string> = []
  let at = head[0].length
  for (let left = Number(head[1]); left > 0; left--) {
    const length = match(rest.subarray(at), /^\$(\d+)\r?\n/)
    if (length === null) return undefined
    const start = at + length[0].length
    const end = start + Number(length[1])
    if (rest.toString("latin1", end, end + 2) !== "\r\n") return undefined
    args.push(rest.toString("utf8", start, end))
    at = end + 2
  }
  return [args, at]
})
