/**
 * All public modules as namespaces, for people who explore. A program that ships imports the modules that it uses
 * (`@effect-sockets/resolver/Resolver`): this one loads all of them, and Node's with them.
 */
export * as AddressOrder from "./AddressOrder.ts"
export * as CommandLine from "./CommandLine.ts"
export * as EffectDns from "./EffectDns.ts"
export * as Hostent from "./Hostent.ts"
export * as HostName from "./HostName.ts"
export * as HostsFile from "./HostsFile.ts"
export * as InvalidOption from "./InvalidOption.ts"
export * as NodeResolver from "./NodeResolver.ts"
export * as Printable from "./Printable.ts"
export * as Resolver from "./Resolver.ts"
export * as ResolverCache from "./ResolverCache.ts"
export * as ResolverDns from "./ResolverDns.ts"
export * as ResolverError from "./ResolverError.ts"
export * as ResolverSource from "./ResolverSource.ts"
export * as Servent from "./Servent.ts"
export * as StaticZone from "./StaticZone.ts"
