/** Which names of a document root are shown. Pure. */
import type * as Listing from "../Listing.ts"

/**
 * Whether a name in the path starts with a dot. `/.well-known/` and all below it is not hidden (RFC 8615).
 *
 * ```ts
 * import * as DocumentRoot from "@effect-sockets/http09/DocumentRoot"
 * DocumentRoot.isHidden("/.git/config") // => true
 * DocumentRoot.isHidden("/.well-known/security.txt") // => false
 * ```
 *
 * @category predicates
 * @since 0.1.0
 */
export const isHidden = (path: string): boolean =>
  path.includes("/.") && path !== "/.well-known" && !path.startsWith("/.well-known/")

/** What of a folder's entries is listed. `dotfiles` shows names that start with a dot, too. */
export const visible = (
  folder: string,
  entries: Iterable<Listing.Entry>,
  { dotfiles = false }: { readonly dotfiles?: boolean | undefined }
): ReadonlyArray<Listing.Entry> => {
  const prefix = folder.endsWith("/") ? folder : `${folder}/`
  return Array.from(entries).filter(({ name }) => dotfiles || !isHidden(`${prefix}${name}`))
}
