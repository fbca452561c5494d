import * as Arbitrary from "effect/Arbitrary"
import type * as Arr from "effect/Array"
import * as Schema from "effect/Schema"
import * as NetAddress from "effect/net/NetAddress"

const byte = Arbitrary.schema(
  Schema.Union([Schema.Literals([0, 1, 0xfe, 0xff]), Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 255 }))])
)
const bytes = (length: number) =>
  Arbitrary.map(Arbitrary.array(byte, { minLength: length, maxLength: length }), (octets) => Uint8Array.from(octets))

/** Any address of either family; both come equally often. */
export const address: Arbitrary.Arbitrary<NetAddress.IpAddress> = Arbitrary.map(
  Arbitrary.all([Arbitrary.schema(Schema.Boolean), bytes(16)]),
  ([isIpv4, octets]) => (isIpv4 ? NetAddress.ipv4FromBytesUnsafe(octets) : NetAddress.ipv6FromBytesUnsafe(octets))
)

/** One to ten addresses. */
export const addresses: Arbitrary.Arbitrary<Arr.NonEmptyArray<NetAddress.IpAddress>> = Arbitrary.map(
  Arbitrary.all([address, Arbitrary.array(address, { maxLength: 9 })]),
  ([first, rest]) => [first, ...rest]
)
