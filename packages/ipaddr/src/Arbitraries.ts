/**
 * Generators for property tests, for this package's users as well as for itself. They are apart from the values, so
 * that a program which tests nothing does not load the generator machinery.
 */
import * as Arbitrary from "effect/Arbitrary"
import * as Ipaddr from "./Ipaddr.ts"

/** Any IPv4 address as a number; both ends of the space come often. */
export const ipaddr: Arbitrary.Arbitrary<Ipaddr.Ipaddr> = Arbitrary.schema(Ipaddr.Ipaddr)
