/**
 * What every directory keeps, wherever it looks.
 *
 * In:    how to open one, who is in it and with which keys, and who is not; and how to let its time pass.
 */
import { describe, expect, test } from 'vitest'
import type { Address } from '../../src/address/address.ts'
import type { Directory } from '../../src/operation/directory.ts'

export type DirectoryWorld = {
  readonly directory: Directory
  readonly known: readonly (readonly [Address, keys: readonly string[]])[]
  /** None: it knows everybody. */
  readonly unknown: readonly Address[]
  /** From now on it cannot say; nothing: it always can. */
  readonly breakDown?: () => undefined
  readonly run: (ms: number) => Promise<void>
}

const long = 60_000

export function directoryContract(name: string, open: () => DirectoryWorld): void {
  /** What comes of a question. */
  const ask = async ({ directory, run }: DirectoryWorld, user: Address): Promise<unknown> => {
    let result: unknown
    const asked = directory.find(user).then(
      (entry) => {
        result = entry ?? 'nobody'
      },
      () => {
        result = 'cannot say'
      },
    )
    await run(long)
    await asked
    return result
  }

  describe(`the contract of a directory: ${name}`, () => {
    test('directory: finds whoever is there, with all of the keys', async () => {
      const world = open()
      for (const [user, keys] of world.known) expect(await ask(world, user)).toEqual({ keys })
    })

    test('directory: does not find whoever is not there', async () => {
      const world = open()
      for (const user of world.unknown) expect(await ask(world, user)).toBe('nobody')
    })

    test('directory: says the same each time, however many ask at once', async () => {
      const world = open()
      const users = [...world.known.map(([user]) => user), ...world.unknown]
      const found = users.flatMap((user) => [user, user]).map((user) => world.directory.find(user))
      await world.run(long)
      const entries = await Promise.all(found)
      for (const [i] of users.entries()) expect(entries[2 * i]).toEqual(entries[2 * i + 1])
    })

    test('directory: cannot say of anybody once it fails: it rejects, and never throws', async () => {
      const world = open()
      world.breakDown?.()
      const users = [...world.known.map(([user]) => user), ...world.unknown]
      for (const user of users) {
        const result = await ask(world, user)
        if (world.breakDown === undefined) expect(result).not.toBe('cannot say')
        else expect(result).toBe('cannot say')
      }
    })
  })
}
