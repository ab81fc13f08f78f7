/**
 * Resolve: DNS messages. The only file of the product that knows the codec. Pure.
 *
 * In:    a question; the bytes that a server sent.
 * Out:   the bytes of a query; whether bytes answer it; the answer as typed records.
 * Fails: never on outside bytes: a message that cannot be trusted is a `Fault`.
 * Spec:  RFC 1035 §4, RFC 2308 §5, RFC 6840 §5.7 (AD in a query), RFC 6891, RFC 9619.
 */
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import type * as dns2 from 'dns2'
import { survey } from './survey.ts'

/** The codec alone: the package as a whole loads HTTP/2 and DNS clients, 3 MiB that nobody here uses. */
const require = createRequire(import.meta.url)
const codec = join(dirname(require.resolve('dns2')), 'packet.js')
const Packet = require(codec) as typeof dns2.Packet
type Packet = dns2.Packet

export type RecordType = 'SRV' | 'AAAA' | 'A'
export type Question = { readonly name: string; readonly type: RecordType }

export type SrvRecord = {
  readonly type: 'SRV'
  readonly owner: string
  readonly ttl: number
  readonly priority: number
  readonly weight: number
  readonly port: number
  /** Without the final dot; the root is `.`; escaped where it can be no host (RFC 1035 §5.1). */
  readonly target: string
}
export type AddressRecord = {
  readonly type: 'AAAA' | 'A'
  readonly owner: string
  readonly ttl: number
  readonly ip: string
}
type AliasRecord = {
  readonly type: 'CNAME'
  readonly owner: string
  readonly ttl: number
  readonly target: string
}
export type DataRecord = SrvRecord | AddressRecord
export type DnsRecord = DataRecord | AliasRecord

export type Answer = {
  readonly rcode: number
  /** The AD bit: worth something only from a resolver that is trusted. */
  readonly authentic: boolean
  readonly truncated: boolean
  /** The answer section, class IN, lower-case names; types that nobody asked for are left out. */
  readonly records: readonly DnsRecord[]
  /** min(TTL of the SOA, its MINIMUM) in seconds; `undefined` without a SOA. */
  readonly negativeTtl: number | undefined
  /** Points to other servers instead of answering: "ask them", not "no". */
  readonly isReferral: boolean
}
export type Fault = { readonly fault: string }

export const rcodes = {
  noError: 0,
  nameError: 3,
} as const

/** What fits into one unfragmented datagram nearly everywhere. */
const udpPayloadBytes = 1232

/** One question (RFC 9619), RD and AD set; with an OPT record if `edns`. `id` has 16 random bits. */
export function buildQuery({ name, type }: Question, id: number, edns: boolean): Buffer {
  const header = Object.assign(new Packet.Header({ id, rd: 1 }), { ad: 1 })
  const packet = new Packet(header)
  packet.questions.push(new Packet.Question(name, Packet.TYPE[type], Packet.CLASS.IN))
  if (edns) {
    packet.additionals.push(Packet.Resource.EDNS([], { udpPayloadSize: udpPayloadBytes }))
  }
  return packet.toBuffer()
}

/** Reads an answer to `query`; `isAnswerTo` has already said that it is one. */
export function readAnswer(query: Buffer, bytes: Buffer): Answer | Fault {
  const isTruncated = ((bytes[2] ?? 0) & 0x02) !== 0
  if (isTruncated || bytes.readUInt16BE(4) === 0) return headerAlone(bytes, isTruncated)
  const surveyed = survey(bytes)
  if ('fault' in surveyed) return surveyed
  const packet = parse(bytes)
  if (packet === undefined) return { fault: 'not decodable' }
  const { header } = packet
  const soa = packet.authorities.find((record) => record.type === Packet.TYPE.SOA)
  const hasNs = packet.authorities.some((record) => record.type === Packet.TYPE.NS)
  return {
    rcode: header.rcode,
    authentic: ((query[3] ?? 0) & (bytes[3] ?? 0) & 0x20) !== 0,
    truncated: false,
    records: packet.answers.flatMap((record, i) => typedRecord(record, surveyed.unusable.get(i))),
    negativeTtl:
      soa === undefined ? undefined : Math.min(lifeOf(soa.ttl), lifeOf(soa.minimum ?? 0)),
    isReferral: hasNs && soa === undefined && header.aa === 0 && packet.answers.length === 0,
  }
}

/** The codec drops what it cannot read and goes on: a message that lost a record is no answer. */
function parse(bytes: Buffer): Packet | undefined {
  try {
    const packet = Packet.parse(bytes)
    const { header } = packet
    const isWhole =
      packet.errors.length === 0 &&
      packet.questions.length === header.qdcount &&
      packet.answers.length === header.ancount &&
      packet.authorities.length === header.nscount &&
      packet.additionals.length === header.arcount
    return isWhole ? packet : undefined
  } catch {
    return undefined
  }
}

/** RFC 2181 §8: with the highest bit set it is none; the package gives the highest number without it for those. */
const lifeOf = (ttl: number): number => (ttl < 0x7fffffff ? ttl : 0)

/** `odd`: its target, if the codec reads another name there. It stays, since it says that there is a record. */
function typedRecord(
  record: Packet['answers'][number],
  odd: string | undefined,
): readonly DnsRecord[] {
  if (record.class !== Packet.CLASS.IN) return []
  const ttl = lifeOf(record.ttl)
  const owner = record.name.toLowerCase()
  switch (record.type) {
    case Packet.TYPE.A:
      return [{ type: 'A', owner, ttl, ip: record.address ?? '' }]
    case Packet.TYPE.AAAA:
      return [{ type: 'AAAA', owner, ttl, ip: record.address ?? '' }]
    case Packet.TYPE.CNAME:
      return [{ type: 'CNAME', owner, ttl, target: hostOf(record.domain) }]
    case Packet.TYPE.SRV: {
      const { priority = 0, weight = 0, port = 0 } = record
      const target = odd ?? hostOf(record.target)
      return [{ type: 'SRV', owner, ttl, priority, weight, port, target }]
    }
    default:
      return []
  }
}

/** The codec writes the root as an empty name. */
const hostOf = (name: string | undefined): string => name?.toLowerCase() || '.'

/** A truncated answer, cut anywhere, or the FORMERR of a server older than EDNS: good for no more than another try. */
const headerAlone = (bytes: Buffer, truncated: boolean): Answer => ({
  rcode: (bytes[3] ?? 0) & 0x0f,
  authentic: false,
  truncated,
  records: [],
  negativeTtl: undefined,
  isReferral: false,
})
