/**
 * All public modules as namespaces, for people who explore. A program that ships imports the modules that it uses
 * (`@effect-sockets/ipaddr/IpSet`): this one loads all of them.
 */
export * as AddressKind from "./AddressKind.ts"
export * as AddressListError from "./AddressListError.ts"
export * as AnyIpaddr from "./AnyIpaddr.ts"
export * as Arbitraries from "./Arbitraries.ts"
export * as Ipaddr from "./Ipaddr.ts"
export * as Ipaddr6 from "./Ipaddr6.ts"
export * as IpaddrError from "./IpaddrError.ts"
export * as IpRange from "./IpRange.ts"
export * as IpSet from "./IpSet.ts"
export * as IpTable from "./IpTable.ts"
export * as SpecialPurpose from "./SpecialPurpose.ts"
export * as Subnet from "./Subnet.ts"
export * as ZonedIpaddr6 from "./ZonedIpaddr6.ts"
