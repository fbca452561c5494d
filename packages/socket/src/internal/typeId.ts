export const TypeId = "~@effect-sockets/socket/SocketStream" as const
