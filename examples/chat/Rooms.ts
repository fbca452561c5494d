/** Who is in which room. It knows nothing of sockets. */

/** Somebody in a room. `tell` must not wait. */
export interface Member {
  readonly name: string
  readonly tell: (line: string) => void
}

const maxRooms = 100
const maxMembers = 50

export class Rooms {
  private readonly rooms = new Map<string, Map<string, Member>>()

  /** Lets somebody in, or says why not. */
  join(room: string, member: Member): string | undefined {
    const members = this.rooms.get(room) ?? new Map<string, Member>()
    if (members.size === 0 && this.rooms.size >= maxRooms) return "There are too many rooms."
    if (members.size >= maxMembers) return "The room is full."
    if (members.has(member.name)) return "The name is taken."
    this.rooms.set(room, members.set(member.name, member))
    this.say(room, `* ${member.name} is here, with ${members.size - 1} more`)
    return undefined
  }

  leave(room: string, member: Member): void {
    const members = this.rooms.get(room)
    members?.delete(member.name)
    if (members?.size === 0) this.rooms.delete(room)
    this.say(room, `* ${member.name} has left`)
  }

  /** Everybody in the room hears it, whoever said it too. */
  say(room: string, line: string): void {
    for (const { tell } of this.rooms.get(room)?.values() ?? []) tell(line)
  }
}
