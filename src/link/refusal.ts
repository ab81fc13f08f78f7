/**
 * What is left of a request that is refused by whoever finds the reason first: its link, the proofs, or its grammar.
 *
 * Nobody waits for the answer to a NOTIFY, so a refusal of one names the subscription that it was about. [LINK-6.13-6]
 */
import type { FieldTable, FieldValue } from '../wire/fields.ts'
import { commands, fields, type TrafficClass } from '../wire/registry.ts'

export type Refusable = {
  readonly id: number
  readonly trafficClass: TrafficClass
  readonly command: number
  /** Number of the credential that it refers to; 0: none. */
  readonly reference: number
  /** The domain that the request itself says it is for, ours or not; nothing: its fields name none. */
  readonly named: string | undefined
  /** Of a NOTIFY. */
  readonly subscription: Buffer | undefined
  /** A sentence for the log of the one who asked. */
  readonly text?: string | undefined
}

/** Of a request whose fields have just been read. */
export const refusableOf = ({
  id,
  trafficClass,
  command,
  reference,
  fields: table,
}: Omit<Refusable, 'named' | 'subscription'> & { readonly fields: FieldTable }): Refusable => ({
  id,
  trafficClass,
  command,
  reference,
  named: namedIn(table),
  subscription:
    command === commands.notify.number ? table.bytes(fields.subscription.tag) : undefined,
})

/** Of a recipient or presentity; else of RENEW, ISSUE or KEYS. */
function namedIn(table: FieldTable): string | undefined {
  const to = table.latin1(fields.to.tag)
  if (to !== undefined) return to.slice(to.lastIndexOf('@') + 1)
  return table.latin1(fields.audience.tag) ?? table.latin1(fields.domain.tag)
}

/** What the refusal tells beside its status. */
export const aboutOf = ({
  subscription,
  text,
}: Pick<Refusable, 'subscription' | 'text'>): readonly (readonly [
  tag: number,
  value: FieldValue,
])[] => [
  ...(text === undefined ? [] : [[fields.text.tag, text] as const]),
  ...(subscription === undefined ? [] : [[fields.subscription.tag, subscription] as const]),
]
