/**
 * Presence as it travels: documents and their versions, what is asked for, and who is told.
 *
 * Ids of subscriptions and entity-tags are 16 bytes as text, one character a byte.
 * Spec: RFC 2778 §2, RFC 3857 §4.7, RFC 3903; draft §5.5.1, §6.6
 */
import type { Address } from '../address/address.ts'
import type { Domain } from '../address/domain.ts'
import type { SubscriptionEvent, SubscriptionState } from '../wire/registry.ts'
import type { Version } from '../wire/version.ts'

/** What a watcher gets. The bytes are shared by all watchers: nobody writes into them. */
export type Presence = { readonly document: Buffer; readonly version: Version }

/** What a watcher is told: with `active` a document, else none. */
export type Notice = {
  readonly state: SubscriptionState
  /** What led to the state; nothing while it is active. */
  readonly event: SubscriptionEvent | undefined
  readonly presence: Presence | undefined
}

/** PUBLISH as RFC 3903 §4 has it: create, refresh, modify, remove, told apart by what is there. */
export type Publish = {
  readonly kind: 'publish'
  readonly publisher: Address
  readonly presentity: Address
  readonly ifMatch: string | undefined
  readonly entityTag: string | undefined
  /** 0 removes, nothing takes the default. */
  readonly leaseSeconds: number | undefined
  readonly document: Buffer | undefined
  /** Hops so far, this gateway included. */
  readonly hops: number
}

/** FETCH: the presence of somebody, once. */
export type Fetch = {
  readonly kind: 'fetch'
  readonly watcher: Address
  readonly presentity: Address
  /** Hops so far, this gateway included. */
  readonly hops: number
  /** As in a message. */
  readonly unknownField: number
  /** End-to-end fields as they came, to be passed on. */
  readonly fields: Buffer
}

/** SUBSCRIBE or UNSUBSCRIBE. A subscription is known by the domain of its watcher and its id. */
export type Subscribe = {
  readonly kind: 'subscribe' | 'unsubscribe'
  readonly id: string
  readonly watcher: Address
  readonly presentity: Address
  readonly leaseSeconds: number | undefined
  readonly hops: number
}

/** RENEW: many subscriptions of one domain, on the word of that domain; or those of one user of ours. */
export type Renew = {
  readonly kind: 'renew'
  /** Domain of the watchers. */
  readonly local: Domain
  /** Domain of the presentities; nothing: any. */
  readonly remote: Domain | undefined
  /** One user renews its own. */
  readonly watcher: Address | undefined
  readonly ids: readonly string[]
  readonly leaseSeconds: number | undefined
}

/** NOTIFY: another domain tells of one of its own. Only a failure is answered. */
export type Notify = {
  readonly kind: 'notify'
  readonly subscription: string
  readonly presentity: Address
  /** The domain of ours that it is meant for. */
  readonly audience: Domain
  readonly notice: Notice
}

/** Watchers of one domain who see the same of one presentity. A register: the last value wins. */
export interface Audience {
  /** The adapter by which they subscribed. */
  readonly via: string
  readonly presentity: Address
  /** Domain of the watchers. */
  readonly domain: Domain
  /** Ids of the subscriptions that are wanted now. */
  members(): Iterable<string>
  /** Who watches; nothing: the subscription is over. */
  watcher(subscription: string): Address | undefined
  /** Read when a notification leaves, not when it is asked for; nothing: there is nothing to tell. */
  latest(): Notice | undefined
}
