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
  tooLarge: "the number does not fit into the bytes that are left",
  beforeDot: "only a decimal number of at most 255 may stand before a dot",
  hexadecimal: "a hexadecimal digit is missing",
  afterLegacy: "only dots and white space may follow a number",
  begin: "an address begins with a group or with ::",
  group: "a group of hexadecimal digits is missing",
  longGroup: "a group has at most four digits",
  colon: "a colon is missing",
  secondGap: "only one :: is allowed",
  tooFew: "there are fewer than eight groups and no ::",
  tooMany: "there are more than eight groups, or :: stands for none",
  afterGroups: "nothing may follow the last group",
  prefixMissing: "the prefix length is missing",
  prefixDigit: "a prefix length is a decimal number",
  prefixZero: "a prefix length has no leading zero",
  prefixLarge4: "a prefix length is at most 32",
  prefixLarge6: "a prefix length is at most 128",
  mask: "a prefix length stands here, not a netmask",
  afterPrefix: "nothing may follow the prefix length",
  maskMissing: "a slash and a mask are missing",
  netmask: "a netmask is ones, then zeros",
  hostmask: "a hostmask is zeros, then ones",
  hostBits: "bits are set beyond the prefix",
  family: "both ends of a range are of one family",
  order: "a range ends below its start",
  block: "a block has a slash and a prefix length, not a last address",
  zone: "a zone is missing",
  zoneCharacter: "a zone has no white space, control character, %, / or bracket",
  zoneIndex: "the index of an interface is at most 4294967295"
} as const

/** The name of a reason. */
export type Reason = keyof typeof reasons

const names = Object.keys(reasons) as Array<Reason>
const numbers = Object.fromEntries(names.map((name, index) => [name, index])) as Record<Reason, number>

// More than there are reasons, and a power of two.
const codes = 64

/** Makes the failure code of one reason, once; the function it gives only adds. */
export const failure = (reason: Reason): ((position: number) => number) => {
  const base = -1 - numbers[reason]
  return (position) => base - position * codes
}

/** The index of the first wrong character, or where the text ends too early, that a failure code points at. */
export const position = (code: number): number => Math.floor((-1 - code) / codes)

/** The words for a failure code. */
export const reason = (code: number): string => reasons[names[(-1 - code) % codes]]

/** The error for a failure code; `expected` is the thing that the text should have been. */
export const toError = (expected: string, input: string, code: number): IpaddrError =>
  new IpaddrError({ expected, input, position: position(code), reason: reason(code) })
