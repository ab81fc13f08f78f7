/**
 * How a request is refused before anybody above has read it.
 *
 * Nobody waits for the answer to a NOTIFY, so a refusal of one names the subscription that it was about. [LINK-6.13-6]
 */
import type { Status } from '../errors.ts'
import type { Link, RequestView } from '../link/link.ts'
import { commands, fields, type TrafficClass } from '../wire/registry.ts'

/** What is left of a request when it is put aside. */
export type Refusable = {
  readonly id: number
  readonly trafficClass: TrafficClass
  readonly command: number
  /** Of a NOTIFY. */
  readonly subscription: Buffer | undefined
}

export const refusableOf = ({
  id,
  trafficClass,
  command,
  fields: table,
}: RequestView): Refusable => ({
  id,
  trafficClass,
  command,
  subscription:
    command === commands.notify.number ? table.bytes(fields.subscription.tag) : undefined,
})

export function refuse(link: Link, request: Refusable, code: Status): undefined {
  const { id, trafficClass, command, subscription } = request
  if (subscription === undefined) return link.answer(id, trafficClass, command, code)
  const about = [[fields.subscription.tag, subscription]] as const
  link.fail(id, trafficClass, command, { status: code, retryAfterMs: -1, about })
}
