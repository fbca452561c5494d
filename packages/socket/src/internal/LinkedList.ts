/**
 * A list in order of coming whose members know their neighbours: one enters and leaves at the same small cost however many
 * there are.
 *
 * For those that many pass through, where a `Set` would do but for V8: its table is replaced by a new one every so many
 * additions, and what was replaced keeps the new one and all who were in it. So each collection of the young finds them
 * reachable from old garbage and copies them, a third of all that passed through, until the whole heap is collected. Here
 * whoever has left points to nobody, and nobody to him.
 */

/** What a list needs of a member, and changes itself. It is in one list at a time. */
export interface Linked<A> {
  previous: A | undefined
  next: A | undefined
}

export class LinkedList<A extends Linked<A>> implements Iterable<A> {
  /** Who has been here longest. */
  first: A | undefined
  private last: A | undefined
  size = 0

  /** Puts one who is in no list at the end. */
  add(member: A): void {
    const { last } = this
    member.previous = last
    if (last === undefined) this.first = member
    else last.next = member
    this.last = member
    this.size++
  }

  has(member: A): boolean {
    return this.first === member || member.previous !== undefined
  }

  /** Takes one out. Whether it was in. */
  remove(member: A): boolean {
    if (!this.has(member)) return false
    const { next, previous } = member
    if (previous === undefined) this.first = next
    else previous.next = next
    if (next === undefined) this.last = previous
    else next.previous = previous
    member.previous = undefined
    member.next = undefined
    this.size--
    return true
  }

  /** All that are in now, whoever comes or leaves while they are gone through. */
  [Symbol.iterator](): Iterator<A> {
    const members: Array<A> = []
    for (let member = this.first; member !== undefined; member = member.next) members.push(member)
    return members.values()
  }
}
