import { assert, describe, it } from "@effect/vitest"
import * as Arbitrary from "effect/Arbitrary"
import * as Schema from "effect/Schema"
import { type Linked, LinkedList } from "../../src/internal/LinkedList.ts"
import { oldOfEach } from "../utils/heap.ts"

class Member implements Linked<Member> {
  previous: Member | undefined
  next: Member | undefined
}

describe("a list whose members know their neighbours", () => {
  it.prop(
    "is as an array, whoever comes and leaves",
    [Arbitrary.array(Arbitrary.schema(Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 12 }))))],
    ([steps]) => {
      const members = Array.from({ length: 12 }, () => new Member())
      const list = new LinkedList<Member>()
      const model: Array<Member> = []
      for (const step of steps) {
        const member = members[step] ?? model[0] ?? members[0]
        const index = model.indexOf(member)
        assert.strictEqual(list.has(member), index !== -1)
        if (index === -1) {
          list.add(member)
          model.push(member)
        } else {
          assert.isTrue(list.remove(member))
          model.splice(index, 1)
        }
        assert.deepStrictEqual([...list], model)
        assert.deepStrictEqual([list.size, list.first], [model.length, model[0]])
      }
    }
  )

  it("knows of nobody who has left, and who has left knows of nobody", () => {
    const list = new LinkedList<Member>()
    const [a, b, c] = [new Member(), new Member(), new Member()]
    for (const member of [a, b, c]) list.add(member)
    assert.isTrue(list.remove(b))
    assert.isFalse(list.remove(b))
    assert.deepStrictEqual([b.previous, b.next], [undefined, undefined])
    assert.deepStrictEqual([a.next, c.previous], [c, a])
  })

  it("is gone through as it was when that began", () => {
    const list = new LinkedList<Member>()
    const members = [new Member(), new Member(), new Member()]
    for (const member of members) list.add(member)
    const seen: Array<Member> = []
    for (const member of list) {
      seen.push(member)
      for (const each of members) list.remove(each)
      if (seen.length === 1) list.add(new Member())
    }
    assert.deepStrictEqual(seen, members)
    assert.strictEqual(list.size, 1)
  })
})

/** One that weighs about a kilobyte. */
class Heavy implements Linked<Heavy> {
  previous: Heavy | undefined
  next: Heavy | undefined
  readonly weight = Array.from({ length: 128 }, () => 0)
}

describe("those who pass through", () => {
  it("are collected with the young, where a Set keeps a kilobyte of each", () => {
    const list = new LinkedList<Heavy>()
    const kept = oldOfEach(
      () => {
        const member = new Heavy()
        list.add(member)
        return member
      },
      (member) => list.remove(member)
    )
    assert.isBelow(kept, 100)
  })
})
