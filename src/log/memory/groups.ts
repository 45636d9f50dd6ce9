// Groups of readers that divide a log's partitions among themselves, as a broker's coordinator would.

export interface Membership {
  /** Grows with every change of the group: an assignment holds as long as it stays. */
  version(): number
  partitions(): readonly number[]
  leave(): void
}

export interface Groups {
  join(group: string, member: string): Membership
  members(group: string): readonly string[]
}

interface Member {
  readonly name: string
}

export function createGroups(partitions: readonly number[]): Groups {
  const groups = new Map<string, { version: number; members: Member[] }>()
  return {
    join(name, memberName) {
      const group = groups.get(name) ?? { version: 0, members: [] }
      groups.set(name, group)
      const member = { name: memberName }
      group.members.push(member)
      group.version++
      return {
        version: () => group.version,
        partitions() {
          const place = group.members.indexOf(member)
          return partitions.filter((_, index) => index % group.members.length === place)
        },
        leave() {
          group.members = group.members.filter((other) => other !== member)
          group.version++
        },
      }
    },
    members: (name) => (groups.get(name)?.members ?? []).map((member) => member.name),
  }
}
