/**
 * Config: the DNS records that an operator publishes, so that other domains find this gateway.
 *
 * In:    the domain, the host of its gateway, the port and the addresses.
 * Out:   the records as data, and as lines of a zone file.
 * Fails: never.
 * Spec:  RFC 3861 §3 (names), RFC 2782 (SRV; "." says that a service is not offered), RFC 1035 §5.1 (lines).
 */
import { isIP } from 'node:net'
import type { Service } from '../address/address.ts'
import type { Domain } from '../address/domain.ts'

export type Publication = {
  readonly domain: Domain
  /** Where the gateway runs; may lie in another zone, or be the domain itself. */
  readonly host: string
  readonly port: number
  /** IPv4 and IPv6 addresses of the host. */
  readonly addresses: readonly string[]
  /** A service that is not among them is published as not offered. */
  readonly services: readonly Service[]
  readonly ttlSeconds: number
}

export type ZoneRecord = {
  /** With a dot at the end. */
  readonly name: string
  readonly ttlSeconds: number
  readonly type: 'SRV' | 'A' | 'AAAA'
  /** As a zone file writes it: `0 0 5279 gw.a.example.`. */
  readonly data: string
}

const labels: Readonly<Record<Service, string>> = { im: '_im._mitp', pres: '_pres._pitp' }

export function dnsRecords(publication: Publication): readonly ZoneRecord[] {
  const { domain, host, port, addresses, services, ttlSeconds } = publication
  const services_ = Object.entries(labels).map(([service, label]): ZoneRecord => {
    const offered = services.includes(service as Service)
    const data = offered ? `0 0 ${port} ${host}.` : '0 0 0 .'
    return { name: `${label}.${domain}.`, ttlSeconds, type: 'SRV', data }
  })
  const hosts = addresses.map((address): ZoneRecord => {
    const type = isIP(address) === 6 ? 'AAAA' : 'A'
    return { name: `${host}.`, ttlSeconds, type, data: address }
  })
  return [...services_, ...hosts]
}

/** Lines for a zone file, in columns. */
export function zoneText(records: readonly ZoneRecord[]): string {
  const width = Math.max(0, ...records.map(({ name }) => name.length))
  return records
    .map(
      ({ name, ttlSeconds, type, data }) =>
        `${name.padEnd(width)} ${ttlSeconds} IN ${type.padEnd(4)} ${data}\n`,
    )
    .join('')
}
