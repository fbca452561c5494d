/**
 * A parse failure as one negative number that holds where and why, so that the parsers allocate nothing when they
 * fail either: text that may be a name or an address fails as a matter of course.
 */
import { IpaddrError } from "../../IpaddrError.ts"

const reasons = {
  digit: "a decimal digit is missing",
  octet: "a part is at most 255",
  leadingZero: "a part has no leading zero",
  dot: "a dot is missing",
  afterDotted: "nothing may follow the fourth part",
  tooLarge: "the last part does not fit",
  afterLegacy: "only dots and white space may follow a number",
  group: "a group of hexadecimal digits is missing",
  longGroup: "a group has at most four digits",
  colon: "a colon is missing",
  secondGap: "only one :: is allowed",
  tooFew: "there are fewer than eight groups and no ::",
  tooMany: "there are more than eight groups, or :: stands for none",
  slash: "a slash and a prefix length are missing",
  prefix: "the prefix length is missing, too long or has a leading zero",
  hostBits: "bits are set beyond the prefix",
  family: "both ends of a range are of one family",
  order: "a range ends below its start",
  block: "a range is not a prefix",
  zone: "a zone is missing, too large or has a character that no zone has"
} as const

/** The name of a reason. */
export type Reason = keyof typeof reasons

const names = Object.keys(reasons) as Array<Reason>
const numbers = Object.fromEntries(names.map((name, index) => [name, index])) as Record<Reason, number>

/** Makes the failure code of one reason, once; the function it gives only adds. */
export const failure = (reason: Reason): ((position: number) => number) => {
  const base = -1 - numbers[reason]
  return (position) => base - position * 32
}

/** The index in the text that a failure code points at. */
export const position = (code: number): number => Math.floor((-1 - code) / 32)

/** The words for a failure code. */
export const reason = (code: number): string => reasons[names[(-1 - code) % 32]]

/** The error for a failure code; `expected` is the thing that the text should have been. */
export const toError = (expected: string, input: string, code: number): IpaddrError =>
  new IpaddrError({ expected, input, position: position(code), reason: reason(code) })
