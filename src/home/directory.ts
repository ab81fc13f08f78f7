/** The directories that need nobody else: a list, or anybody with a credential of the domain. */
import type { Directory, Entry } from '../operation/directory.ts'

/** User part to base64url public keys. */
export const listDirectory = (users: ReadonlyMap<string, readonly string[]>): Directory => ({
  find: ({ user }) => {
    const keys = users.get(user)
    return Promise.resolve(keys === undefined ? undefined : { keys })
  },
})

const anybody: Entry = { keys: [] }

export const openDirectory: Directory = { find: () => Promise.resolve(anybody) }
