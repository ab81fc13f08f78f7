/** What a watcher is told, as a state of its subscription (RFC 3857 §4.7). */
import type { Notice, Presence } from '../operation/presence.ts'
import type { SubscriptionEvent } from '../wire/registry.ts'

export const active = (presence: Presence): Notice => ({
  state: 'active',
  event: undefined,
  presence,
})

/** Nobody can vouch for the last value any more. */
export const unknown: Notice = { state: 'unknown', event: undefined, presence: undefined }

export const terminated = (event: SubscriptionEvent): Notice => ({
  state: 'terminated',
  event,
  presence: undefined,
})
