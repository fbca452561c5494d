/** Short lists of those who wait. A stream that is idle has none of its own. */

/** Where nobody waits, as mostly. Never changed. */
export const none: Array<never> = []

/** Adds to the end. The first item makes a list as small as it can be. */
export const append = <A>(items: Array<A>, item: A): Array<A> => {
  if (items.length === 0) return [item]
  items.push(item)
  return items
}

/** Takes out what is in the list, if it is. */
export const remove = <A>(items: Array<A>, item: A): void => {
  const index = items.indexOf(item)
  if (index !== -1) items.splice(index, 1)
}
