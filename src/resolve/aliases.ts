/**
 * Resolve: follows the aliases inside one answer. Pure.
 *
 * In:    the records of an answer, the name that was asked for, the type that was wanted.
 * Out:   the name where the aliases end, and the records of the wanted type that it owns.
 * Fails: never; a loop is a finding.
 * Spec:  RFC 1034 §3.6.2; RFC 2308 §2.1 (a negative answer speaks of the last name).
 */
import type { DataRecord, DnsRecord, RecordType } from './message.ts'

export type Chain = {
  readonly name: string
  /** Every name after the first, in order. */
  readonly aliases: readonly string[]
  readonly records: readonly DataRecord[]
  /** Seconds; the lowest of everything that was used, `Infinity` if nothing was. */
  readonly ttl: number
  readonly isLoop: boolean
}

export function followAliases(
  records: readonly DnsRecord[],
  asked: string,
  type: RecordType,
): Chain {
  const aliases: string[] = []
  let name = asked
  let ttl = Number.POSITIVE_INFINITY
  for (;;) {
    const found = records.filter(
      (record): record is DataRecord => record.type === type && record.owner === name,
    )
    if (found.length > 0) {
      const lowest = Math.min(ttl, ...found.map((record) => record.ttl))
      return { name, aliases, records: found, ttl: lowest, isLoop: false }
    }
    const alias = records.find((record) => record.type === 'CNAME' && record.owner === name)
    if (alias?.type !== 'CNAME') return { name, aliases, records: [], ttl, isLoop: false }
    const isLoop = alias.target === asked || aliases.includes(alias.target)
    if (isLoop) return { name, aliases, records: [], ttl, isLoop }
    name = alias.target
    aliases.push(name)
    ttl = Math.min(ttl, alias.ttl)
  }
}
