/**
 * How a request is refused by whoever finds the reason first: its link, the proofs, or the road that it was to take.
 *
 * Nobody waits for the answer to a NOTIFY, so a refusal of one names the subscription that it was about. [LINK-6.13-6]
 */
import type { Status } from '../errors.ts'
import type { FieldTable } from '../wire/fields.ts'
import { commands, fields, type TrafficClass } from '../wire/registry.ts'
import type { Link } from './link.ts'

/** What is left of a request when it is put aside. */
export type Refusable = {
  readonly id: number
  readonly trafficClass: TrafficClass
  readonly command: number
  /** Of a NOTIFY. */
  readonly subscription: Buffer | undefined
}

/** Of a request whose fields have just been read. */
export const refusableOf = ({
  id,
  trafficClass,
  command,
  fields: table,
}: Omit<Refusable, 'subscription'> & { readonly fields: FieldTable }): Refusable => ({
  id,
  trafficClass,
  command,
  subscription:
    command === commands.notify.number ? table.bytes(fields.subscription.tag) : undefined,
})

/** `retryAfterMs` below 0: nothing is said. */
export function refuse(
  link: Pick<Link, 'fail'>,
  { id, trafficClass, command, subscription }: Refusable,
  status: Status,
  retryAfterMs: number,
): undefined {
  const about = subscription === undefined ? [] : [[fields.subscription.tag, subscription] as const]
  link.fail(id, trafficClass, command, { status, retryAfterMs, about })
}
