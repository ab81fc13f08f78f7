/**
 * Resolve: the answers of a small authoritative server, for demonstrations and tests. Pure.
 *
 * In:    records, and a question.
 * Out:   the answer section, the SOA for a negative answer, the rcode.
 * Fails: never.
 * Spec:  RFC 1034 §4.3.2 (the algorithm, without wildcards and delegation), RFC 2308 §3, RFC 8020
 *        (a name with names below it exists).
 */
export type ZoneRecord = { readonly name: string; readonly ttl: number } & (
  | { readonly type: 'A' | 'AAAA'; readonly address: string }
  | { readonly type: 'CNAME'; readonly target: string }
  | {
      readonly type: 'SRV'
      readonly priority: number
      readonly weight: number
      readonly port: number
      readonly target: string
    }
  /** Makes its name the top of a zone. */
  | { readonly type: 'SOA'; readonly minimum: number }
)

export type ZoneAnswer = {
  readonly rcode: number
  readonly answers: readonly ZoneRecord[]
  readonly soa: ZoneRecord | undefined
}

const noError = 0
const nameError = 3
const refused = 5

export function answerFrom(zone: readonly ZoneRecord[], asked: string, type: string): ZoneAnswer {
  const answers: ZoneRecord[] = []
  let name = asked.toLowerCase()
  for (;;) {
    const soa = zoneOf(zone, name)
    if (soa === undefined) return { rcode: answers.length > 0 ? noError : refused, answers, soa }
    const own = zone.filter((record) => record.name === name)
    const found = own.filter((record) => record.type === type)
    const alias = own.find((record) => record.type === 'CNAME')
    if (found.length > 0) return { rcode: noError, answers: [...answers, ...found], soa: undefined }
    if (alias?.type !== 'CNAME' || answers.includes(alias)) {
      return { rcode: exists(zone, name) ? noError : nameError, answers, soa }
    }
    answers.push(alias)
    name = alias.target
  }
}

const exists = (zone: readonly ZoneRecord[], name: string): boolean =>
  zone.some((record) => record.name === name || record.name.endsWith(`.${name}`))

/** The SOA of the nearest zone that `name` lies in. */
const zoneOf = (zone: readonly ZoneRecord[], name: string): ZoneRecord | undefined =>
  zone
    .filter((record) => record.type === 'SOA')
    .filter((soa) => name === soa.name || name.endsWith(`.${soa.name}`))
    .toSorted((a, b) => b.name.length - a.name.length)[0]
