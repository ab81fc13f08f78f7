/** NOTIFY: a whole presence document for one subscription; only a failure is answered. [LINK-6.13-1] */
import { encodeFields, type FieldValue } from '../wire/fields.ts'
import {
  fields,
  type SubscriptionEvent,
  type SubscriptionState,
  subscriptionEvent,
  subscriptionState,
} from '../wire/registry.ts'
import { encodeVersion, readVersion, type Version } from '../wire/version.ts'
import { bodyOf, idBytes, type Read, type Request, readId16 } from './request.ts'

export type Notify = {
  readonly subscription: string
  /** `undefined` only if there is no document: `terminated` and `unknown`. */
  readonly version: Version | undefined
  readonly state: SubscriptionState
  /** What led to the state; `undefined` while it is active. */
  readonly event: SubscriptionEvent | undefined
  readonly document: Buffer
}

const { subscription, version, state, event } = fields

export function readNotify(request: Request): Read<Notify> {
  const { fields: table } = request
  const id = readId16(request, subscription.tag)
  const name = nameOf(subscriptionState, table.bytes(state.tag))
  const of = readVersion(table)
  if (id === undefined || name === undefined) return 'bad-request'
  const hasDocument = name === 'active'
  if (hasDocument !== (of !== undefined)) return 'bad-request'
  return {
    subscription: id,
    version: of,
    state: name,
    event: nameOf(subscriptionEvent, table.bytes(event.tag)),
    document: hasDocument ? bodyOf(request) : Buffer.alloc(0),
  }
}

/** The document is the body. */
export function encodeNotify(notify: Omit<Notify, 'document'>): Buffer {
  const values: (readonly [number, FieldValue])[] = [
    [subscription.tag, idBytes(notify.subscription)],
    [state.tag, Buffer.of(subscriptionState[notify.state])],
  ]
  if (notify.version !== undefined) values.push([version.tag, encodeVersion(notify.version)])
  if (notify.event !== undefined)
    values.push([event.tag, Buffer.of(subscriptionEvent[notify.event])])
  return encodeFields(values)
}

/** The subscription that a refused NOTIFY was about: its answer carries it, since nobody waits for the answer. */
export const encodeRefusedNotify = (id: string): Buffer =>
  encodeFields([[subscription.tag, idBytes(id)]])

function nameOf<T extends string>(
  names: Readonly<Record<T, number>>,
  value: Buffer | undefined,
): T | undefined {
  if (value?.length !== 1) return undefined
  return (Object.keys(names) as T[]).find((name) => names[name] === value[0])
}
