/** A request that the gateway makes for the domain itself: PROVE, KEYS, FORGET. */
import { bare, contentOf, type Outgoing } from '../link/outgoing.ts'
import { trafficClass } from '../wire/registry.ts'

const noBody = Buffer.alloc(0)

export const controlRequest = (
  command: number,
  fields: Buffer,
  answerCredit: number,
  answered: Outgoing['answered'],
  failed: Outgoing['failed'],
): Outgoing => ({
  ...bare,
  ...contentOf(fields, noBody),
  command,
  trafficClass: trafficClass.control,
  answerCredit,
  answered,
  failed,
})
