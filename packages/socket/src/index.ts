/**
 * All public modules as namespaces, for people who explore. A program that ships imports the modules that it uses
 * (`@effect-sockets/socket/SocketStream`): this one loads all of them. Those named `Node…` are not among them, so that this
 * one runs on any platform.
 */
export * as Codec from "./Codec.ts"
export * as Connection from "./Connection.ts"
export * as Datagram from "./Datagram.ts"
export * as Decoder from "./Decoder.ts"
export * as DecoderTests from "./testing/DecoderTests.ts"
export * as Dialer from "./Dialer.ts"
export * as EffectSocket from "./EffectSocket.ts"
export * as EffectSocketRpc from "./EffectSocketRpc.ts"
export * as EffectSocketServer from "./EffectSocketServer.ts"
export * as IdentitySource from "./IdentitySource.ts"
export * as MemoryNetwork from "./MemoryNetwork.ts"
export * as Network from "./Network.ts"
export * as NetworkError from "./NetworkError.ts"
export * as ProxyProtocol from "./ProxyProtocol.ts"
export * as Server from "./Server.ts"
export * as ServerSocket from "./ServerSocket.ts"
export * as SocketActivation from "./SocketActivation.ts"
export * as SocketMetrics from "./SocketMetrics.ts"
export * as SocketStream from "./SocketStream.ts"
export * as Conformance from "./testing/Conformance.ts"
export * as DatagramConformance from "./testing/DatagramConformance.ts"
export * as Simulation from "./testing/Simulation.ts"
export * as SocketPair from "./testing/SocketPair.ts"
export * as Tls from "./Tls.ts"
