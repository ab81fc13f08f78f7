/**
 * What every way to other domains keeps, whatever carries it.
 *
 * In:    how to join two sides that nobody has used yet: the hop under test, between a core that it tells of refusals
 *        and a far core that takes what it carries, or not.
 */
import { askContract } from './hop/ask-contract.ts'
import { deliverContract } from './hop/deliver-contract.ts'
import { notifyContract } from './hop/notify-contract.ts'
import type { OpenHop } from './hop/world.ts'

export function hopContract(name: string, open: OpenHop): void {
  deliverContract(name, open)
  askContract(name, open)
  notifyContract(name, open)
}
