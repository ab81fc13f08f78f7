/** Presence as a program sees it: a map of tuples (RFC 2778 §2.4), and what a watcher is told. */
import type { Address } from '../address/address.ts'
import type { Status } from '../errors.ts'
import type { Limits } from '../limits.ts'
import { parseDocument } from '../wire/document.ts'
import type { SubscriptionEvent, SubscriptionState } from '../wire/registry.ts'
import type { Version } from '../wire/version.ts'

/** One way to reach somebody, and how it stands. Each member may be left out; others are passed on as they are. */
export type Tuple = {
  readonly basic?: 'open' | 'closed'
  /** A URI such as `im:alice@a.example`. */
  readonly contact?: string
  readonly note?: string
  /** 0 to 1 (RFC 3863 §4.1.5). */
  readonly priority?: number
  readonly timestamp?: number
  readonly [member: string]: unknown
}

export type PresenceDocument = { readonly tuples: Readonly<Record<string, Tuple>> }

export type PresenceNotice = {
  readonly presentity: Address
  /** `unknown`: nobody can vouch for what was shown last. After `terminated` nothing follows. */
  readonly state: SubscriptionState
  readonly version: Version | undefined
  /** Only if the state is `active`. */
  readonly document: PresenceDocument | undefined
  /** What led to the state, or with what status the subscription was refused. */
  readonly reason: SubscriptionEvent | Status | undefined
}

export type OnPresence = (notice: PresenceNotice) => unknown

export const writeDocument = (document: PresenceDocument): Buffer =>
  Buffer.from(JSON.stringify(document))

/** What a gateway would refuse it for; `undefined`: nothing. */
export function documentFault(
  document: PresenceDocument,
  limits: Limits,
): { readonly status: Status; readonly detail: string } | undefined {
  const parsed = parseDocument(writeDocument(document), limits)
  return parsed.status === 'ok' ? undefined : parsed
}

/** `undefined`: not a presence document. Our own gateway has judged it; this only keeps a fault of its from us. */
export function readDocument(bytes: Buffer): PresenceDocument | undefined {
  try {
    const value = JSON.parse(bytes.toString()) as { readonly tuples?: unknown } | null
    return typeof value?.tuples === 'object' && value.tuples !== null
      ? (value as PresenceDocument)
      : undefined
  } catch {
    return undefined
  }
}
