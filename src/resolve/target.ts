/** Resolve: what is dialled, and the settings that decide about it. */
import type { IpAddress } from '../lib/ip.ts'

export type Target = {
  readonly host: string
  readonly port: number
  /** Checked literals: they are dialled as they are, and the host is not looked up again. */
  readonly addresses: readonly IpAddress[]
  /** `address`: the domain's own address records. */
  readonly via: 'static' | 'srv' | 'address'
  /** Good only for a far side that proves itself with a key of the domain that was seen or pinned before. */
  readonly needsKnownKey: boolean
  /** Found in an answer that had run out. */
  readonly stale: boolean
}

/** A host name or an IP address, written down by the operator. */
export type StaticRoute = { readonly host: string; readonly port: number }

/**
 * SRV records exist, but none of their targets could be connected. `draft`: then the domain's own addresses
 * (draft §5.4.2.1.4). `proven`: these too, but only for a known key, so that blocking the SRV host does not
 * steer traffic to a web server. `strict`: never (RFC 3861 §4).
 */
export type Fallback = 'proven' | 'draft' | 'strict'
