/**
 * Resolve: what a look-up found out. "No" (`nxdomain`, `nodata`) and "don't know" (`failure`) are
 * different things and never stand for each other.
 */
import type { Transport } from './exchange.ts'
import type { AddressRecord, DataRecord, SrvRecord } from './message.ts'

export type Outcome = {
  readonly kind: 'records' | 'nxdomain' | 'nodata' | 'failure'
  /** Of the type that was asked for; empty unless `kind` is `records`. */
  readonly records: readonly DataRecord[]
  /** As DNS gave it, not yet clamped: the lowest along the aliases; 0 if DNS gave none. */
  readonly ttlMs: number
  /** The names that the aliases led to, in order. */
  readonly aliases: readonly string[]
  /** Validated by a resolver on this machine, which is the only one whose word is taken. */
  readonly isAuthentic: boolean
  /** Who answered, or was asked last: `192.0.2.1:53`; `none` if nobody was asked. */
  readonly server: string
  readonly transport: Transport
  /** Why it failed, in a word; `none` otherwise. */
  readonly failure: Failure | 'none'
}

export type Failure =
  | 'cancelled'
  | 'busy'
  | 'no-servers'
  | 'timeout'
  | 'unreachable'
  | 'closed'
  | 'strays'
  | 'too-long'
  | 'malformed'
  | 'truncated'
  | 'referral'
  | 'refused'
  | 'servfail'
  | 'other-rcode'
  | 'alias-loop'
  | 'too-many-aliases'

export const srvRecords = ({ records }: Outcome): readonly SrvRecord[] =>
  records.filter((record) => record.type === 'SRV')

export const addressRecords = ({ records }: Outcome): readonly AddressRecord[] =>
  records.filter((record) => record.type !== 'SRV')

export const failed = (
  failure: Outcome['failure'],
  server: string,
  transport: Transport,
): Outcome => ({
  kind: 'failure',
  records: [],
  ttlMs: 0,
  aliases: [],
  isAuthentic: false,
  server,
  transport,
  failure,
})
