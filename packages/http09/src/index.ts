/**
 * All public modules as namespaces, for people who explore. A program that ships imports the modules that it uses
 * (`@effect-sockets/http09/Http09Server`): this one loads all of them, and Node's with them.
 */
export * as AccessLog from "./AccessLog.ts"
export * as DocumentError from "./DocumentError.ts"
export * as DocumentRoot from "./DocumentRoot.ts"
export * as ErrorText from "./ErrorText.ts"
export * as Http09Client from "./Http09Client.ts"
export * as Http09Error from "./Http09Error.ts"
export * as Http09Handler from "./Http09Handler.ts"
export * as Http09Server from "./Http09Server.ts"
export * as Http09Url from "./Http09Url.ts"
export * as Listing from "./Listing.ts"
export * as NodeDocumentRoot from "./NodeDocumentRoot.ts"
export * as RequestLine from "./RequestLine.ts"
export * as StatusLine from "./StatusLine.ts"
