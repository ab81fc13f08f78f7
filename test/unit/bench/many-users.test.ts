import { describe, expect, it } from 'vitest'
import { inTurns, Sender } from '../../bench/load.ts'
import { aboutMany, usersThatFit } from '../../bench/many-users.ts'
import { pairsFor } from '../../bench/providers.ts'

describe('many users', () => {
  it('are all that are wanted, as far as a process may open files', () => {
    expect(usersThatFit(50)).toBe(50)
    expect(usersThatFit(1e9)).toBeLessThan(1e9)
  })

  it('are said to be fewer where they are', () => {
    expect(aboutMany(4000, 4000)).toMatch(/^4000 pairs of users.*all that were wanted\.$/m)
    expect(aboutMany(4000, 9000)).toMatch(/^4000 pairs of users.*not 9000: a process may not open/m)
  })

  it('attach some at a time, each once', async () => {
    const attached: number[] = []
    let most = 0
    let now = 0
    await inTurns(
      Array.from({ length: 600 }, (_, i) => i),
      async (user, i) => {
        expect(user).toBe(i)
        most = Math.max(most, ++now)
        await Promise.resolve()
        now--
        attached.push(user)
        return undefined
      },
    )
    expect(attached.toSorted((a, b) => a - b)).toEqual(Array.from({ length: 600 }, (_, i) => i))
    expect(most).toBe(256)
  })

  it('write one message each in a round, within the window', async () => {
    const sent = new Map<number, number>()
    let open = 0
    let most = 0
    const lines = Array.from({ length: 300 }, (_, line) => ({
      send: (count: number): undefined => {
        sent.set(line, (sent.get(line) ?? 0) + count)
        most = Math.max(most, ++open)
        setImmediate(() => {
          open--
          sender.tally.answered++
        })
      },
    }))
    const sender: Sender = new Sender(lines)
    const { sent: all, answered } = await sender.round({ window: 100 })
    expect([all, answered]).toEqual([300, 300])
    expect([...sent.values()].every((count) => count === 1)).toBe(true)
    expect(most).toBeLessThanOrEqual(100)
  })

  it('are so many for a rate that no lane is over its own, and links are left', () => {
    expect(pairsFor(3000)).toBe(2000)
    expect(pairsFor(50_000)).toBe(3900)
  })
})
