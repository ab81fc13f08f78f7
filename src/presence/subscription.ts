/** A subscription as others see it, with the states and events of RFC 3857 §4.7. */
import type { Address } from '../address/address.ts'

/** `pending`: the presentity has not decided, and nothing is shown. */
export type SubscriptionState = 'active' | 'pending' | 'terminated'

export type SubscriptionEvent =
  | 'subscribe'
  | 'approved'
  | 'deactivated'
  | 'probation'
  | 'rejected'
  | 'timeout'
  | 'giveup'
  | 'noresource'

/** `id` is 16 bytes as text, one character a byte, and means something only together with the domain of the watcher. */
export type Subscription = {
  readonly id: string
  readonly watcher: Address
  readonly presentity: Address
  readonly state: SubscriptionState
  readonly leaseSeconds: number
}

export type SubscribeRequest = {
  readonly id: string
  readonly watcher: Address
  readonly presentity: Address
  /** `undefined`: the default. */
  readonly leaseSeconds: number | undefined
  /** What policy/ decided. */
  readonly state: 'active' | 'pending'
}

export type Granted = { readonly leaseSeconds: number }
export type Refused = { readonly detail: string }

export type SubscribeAnswer =
  | (Granted & { readonly status: 'ok' })
  | (Granted & { readonly status: 'pending' })
  | (Refused & { readonly status: 'conflict' })
  | (Refused & { readonly status: 'limit-reached' })
