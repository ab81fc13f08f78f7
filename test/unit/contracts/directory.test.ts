/** The contract of a directory, by everything that is one. */
import { makeAddress } from '../../../src/address/address.ts'
import { listDirectory, openDirectory } from '../../../src/home/directory.ts'
import { directoryContract } from '../../support/directory-contract.ts'
import { ManualClock } from '../../support/manual-clock.ts'
import { bob } from '../../support/operations.ts'
import { SlowDirectory } from '../../support/slow-directory.ts'

const user = (name: string) => makeAddress(name, bob.domain)

const users = new Map([
  ['bob', ['first key', 'second key']],
  ['carol', []],
])
const known = [...users].map(([name, keys]) => [user(name), keys] as const)
// The names of what every object has are nobody's.
const unknown = ['nobody', 'constructor', 'toString'].map(user)

directoryContract('a list', () => ({
  ...{ directory: listDirectory(users), known, unknown },
  run: async () => undefined,
}))

directoryContract('anybody', () => ({
  directory: openDirectory,
  known: [...users.keys(), 'nobody', 'constructor'].map((name) => [user(name), []]),
  unknown: [],
  run: async () => undefined,
}))

directoryContract('one that takes its time', () => {
  const clock = new ManualClock()
  const directory = new SlowDirectory(listDirectory(users), clock)
  return {
    ...{ directory, known, unknown },
    breakDown: () => {
      directory.isFailing = true
    },
    run: (ms) => clock.advance(ms),
  }
})
