/**
 * What every store keeps, whatever it writes on. Two objects at one backend, as two nodes of a domain.
 *
 * In:    how to open a backend, with a clock that is moved by hand and commits that can be held back and made to fail.
 */
import { acceptContract } from './store/accept-contract.ts'
import { commitContract } from './store/commit-contract.ts'
import { inboxContract } from './store/inbox-contract.ts'
import { leaseContract } from './store/lease-contract.ts'
import { queueContract } from './store/queue-contract.ts'
import { recordContract } from './store/record-contract.ts'
import type { OpenWorld } from './store/world.ts'

export function storeContract(name: string, open: OpenWorld): void {
  acceptContract(name, open)
  commitContract(name, open)
  inboxContract(name, open)
  queueContract(name, open)
  leaseContract(name, open)
  recordContract(name, open)
}
