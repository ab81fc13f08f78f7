/**
 * DNS as a table: records and failing names, behind the port of `src/resolve/exchange.ts`.
 *
 * It answers with real bytes, written by another codec than the product's, so the whole stage runs but
 * for the sockets. Names under `example` and `test` that are not listed do not exist; all others are refused.
 */
import {
  AUTHORITATIVE_ANSWER,
  decode,
  encode,
  TRUNCATED_RESPONSE,
  type WireRecord,
} from 'dns-packet'
import type { Clock } from '../../src/lib/clock.ts'
import { type Ask, type DnsExchange, type Heard, silent } from '../../src/resolve/exchange.ts'
import { answerFrom, type ZoneRecord } from '../../src/resolve/zone.ts'
import { zoneRecord } from './zone-text.ts'

/** What goes wrong with a name, or a server: silence, an rcode, or bytes that are no message. */
export type Trouble =
  | 'silent'
  | 'closed'
  | 'servfail'
  | 'refused'
  | 'formerr'
  | 'formerr-with-opt'
  | 'badvers-with-opt'
  | 'garbage'
  | 'garbage-over-udp'
  | 'strays-over-udp'
  | 'truncated'

const rcodes: Partial<Record<Trouble, number>> = { servfail: 2, refused: 5, formerr: 1 }

export type Asked = {
  readonly name: string
  readonly type: string
  readonly transport: 'udp' | 'tcp'
  readonly server: string
  readonly hasOpt: boolean
}

export class DnsTable {
  readonly #clock: Clock
  #records: readonly ZoneRecord[] = []
  readonly #troubles = new Map<string, Trouble>()
  /** Every question, in order. */
  readonly asked: Asked[] = []
  /** Time to each answer. */
  latencyMs = 0
  /** Answers carry the AD bit, as those of a validating resolver. */
  isAuthentic = false
  /** Questions that are waiting for their answer or the end of their time. */
  underWay = 0

  constructor(clock: Clock, ...lines: readonly string[]) {
    this.#clock = clock
    this.add('example 300 SOA 60', 'test 300 SOA 60', ...lines)
  }

  add(...lines: readonly string[]): undefined {
    this.#records = [...this.#records, ...lines.map(zoneRecord)]
  }

  remove(name: string): undefined {
    this.#records = this.#records.filter((record) => record.name !== name)
  }

  /** `what`: a name, the `ip` of a server, `A`, `AAAA` or `SRV`. */
  fail(what: string, trouble: Trouble): undefined {
    this.#troubles.set(what, trouble)
  }

  heal(what: string): undefined {
    this.#troubles.delete(what)
  }

  /** `name type` of every question so far. */
  get questions(): readonly string[] {
    return this.asked.map(({ name, type }) => `${name} ${type}`)
  }

  readonly exchange: DnsExchange = async (ask) => {
    if (ask.signal.aborted) return silent('cancelled')
    const query = decode(ask.query)
    const question = query.questions?.[0] ?? { name: '', type: '' }
    const hasOpt = (query.additionals ?? []).some(({ type }) => type === 'OPT')
    const { ip } = ask.server
    this.asked.push({ ...question, transport: ask.transport, server: ip, hasOpt })
    const trouble =
      this.#troubles.get(question.name) ??
      this.#troubles.get(ip) ??
      this.#troubles.get(question.type)
    this.underWay += 1
    const heard = await this.#answer(ask, question, trouble, hasOpt)
    this.underWay -= 1
    return heard
  }

  #answer(
    ask: Ask,
    { name, type }: { readonly name: string; readonly type: string },
    trouble: Trouble | undefined,
    hasOpt: boolean,
  ): Promise<Heard> {
    const isUdp = ask.transport === 'udp'
    if (trouble === 'silent') return this.#after(ask, Number.POSITIVE_INFINITY, silent('timeout'))
    if (trouble === 'closed') return this.#after(ask, 0, silent('unreachable'))
    if (trouble === 'garbage' || (trouble === 'garbage-over-udp' && isUdp)) {
      // The header and the question are right, the rest is not.
      const header = Buffer.from(ask.query)
      header.writeUInt16BE(0x8180, 2)
      header.writeUInt16BE(9, 6)
      return this.#after(ask, this.latencyMs, heardBytes(header))
    }
    if (trouble === 'strays-over-udp' && isUdp) {
      return this.#after(ask, this.latencyMs, silent('strays', 5))
    }
    const bytes = this.#bytes(ask, name, type, trouble, hasOpt)
    return this.#after(ask, this.latencyMs, heardBytes(bytes))
  }

  #bytes(
    ask: Ask,
    name: string,
    type: string,
    trouble: Trouble | undefined,
    hasOpt: boolean,
  ): Buffer {
    const id = ask.query.readUInt16BE(0)
    const questions = [{ name, type }]
    const found = answerFrom(this.#records, name, type)
    const isFormErr = trouble === 'formerr-with-opt' && hasOpt
    const isBadVersion = trouble === 'badvers-with-opt' && hasOpt
    const rcode = isFormErr ? 1 : (rcodes[trouble ?? 'silent'] ?? found.rcode)
    const isFailing = isFormErr || isBadVersion || rcodes[trouble ?? 'silent'] !== undefined
    const flags = AUTHORITATIVE_ANSWER | (this.isAuthentic ? 0x20 : 0)
    const message = {
      type: 'response' as const,
      id,
      questions,
      flags: flags | (isBadVersion ? 0 : rcode),
      answers: isFailing ? [] : found.answers.map(wireRecord),
      authorities: isFailing || found.soa === undefined ? [] : [wireRecord(found.soa)],
      additionals: hasOpt
        ? [
            {
              type: 'OPT',
              name: '.',
              udpPayloadSize: 1232,
              extendedRcode: isBadVersion ? 1 : 0,
              options: [],
            },
          ]
        : [],
    }
    const bytes = withDots(encode(message))
    const most = hasOpt ? 1232 : 512
    const isCut = ask.transport === 'udp' && (trouble === 'truncated' || bytes.length > most)
    if (!isCut) return bytes
    return encode({ type: 'response', id, questions, flags: flags | TRUNCATED_RESPONSE })
  }

  #after(ask: Ask, ms: number, heard: Heard): Promise<Heard> {
    const said = isAccepted(ask, heard)
    if (ms === 0) return Promise.resolve(said)
    return new Promise((resolve) => {
      const onAbort = () => {
        cancel()
        resolve(silent('cancelled'))
      }
      const cancel = this.#clock.after(ms, () => {
        ask.signal.removeEventListener('abort', onAbort)
        resolve(said)
      })
      ask.signal.addEventListener('abort', onAbort, { once: true })
    })
  }
}

/** The other codec knows no escapes: a dot inside a label (`x\.gw.b.example`) is put in afterwards. */
const placeholder = '~'

const withDots = (bytes: Buffer): Buffer => {
  const header = bytes.subarray(0, 12)
  const text = bytes.subarray(12).toString('latin1').replaceAll(placeholder, '.')
  return Buffer.concat([header, Buffer.from(text, 'latin1')])
}

const isAccepted = (ask: Ask, heard: Heard): Heard =>
  heard.bytes === undefined || ask.isAnswer(heard.bytes) ? heard : silent('strays', 1)

const heardBytes = (bytes: Buffer): Heard => ({ bytes, silence: undefined, strays: 0 })

function wireRecord(record: ZoneRecord): WireRecord {
  const { name, type, ttl } = record
  switch (record.type) {
    case 'A':
    case 'AAAA':
      return { name, type, ttl, data: record.address }
    case 'CNAME':
      return { name, type, ttl, data: record.target }
    case 'SRV': {
      const { priority, weight, port } = record
      const target = record.target.replaceAll('\\.', placeholder)
      return { name, type, ttl, data: { priority, weight, port, target } }
    }
    case 'SOA': {
      const names = { mname: `ns.${name}`, rname: `hostmaster.${name}` }
      const times = { serial: 1, refresh: 3600, retry: 600, expire: 86_400 }
      return { name, type, ttl, data: { ...names, ...times, minimum: record.minimum } }
    }
  }
}
