/**
 * Resolve: which SRV records are used, and in which order. Pure.
 *
 * In:    the SRV records of one answer, in any order.
 * Out:   the usable ones, best first; those that were left out, and why; or `declined`.
 * Fails: never.
 * Spec:  RFC 2782, "Priority", "Weight" and "Target".
 */
import type { Random } from '../lib/random.ts'
import { isDialablePort } from './guard.ts'
import type { SrvRecord } from './message.ts'
import { isHostName } from './name.ts'

export type LeftOut = {
  readonly record: SrvRecord
  readonly why: 'root' | 'port-zero' | 'port-blocked' | 'not-a-host-name' | 'too-many'
}

export type Choice = {
  /** RFC 2782: a lone "." says that the service is decidedly not offered here. */
  readonly isDeclined: boolean
  readonly ordered: readonly SrvRecord[]
  readonly leftOut: readonly LeftOut[]
}

/** At most `most` records, in the order to try them. */
export function chooseRecords(records: readonly SrvRecord[], most: number, random: Random): Choice {
  const isDeclined = records.length > 0 && records.every(({ target }) => target === '.')
  const judged = records.map((record) => ({ record, why: fault(record) }))
  const usable = judged.flatMap(({ record, why }) => (why === undefined ? [record] : []))
  const ordered = orderRecords(usable, random)
  const unusable = judged.flatMap(({ record, why }) => (why === undefined ? [] : [{ record, why }]))
  const surplus = ordered.slice(most).map((record) => ({ record, why: 'too-many' as const }))
  return { isDeclined, ordered: ordered.slice(0, most), leftOut: [...unusable, ...surplus] }
}

/** Lowest priority first; inside a priority a weighted draw without replacement. */
export function orderRecords(records: readonly SrvRecord[], random: Random): readonly SrvRecord[] {
  const priorities = [...new Set(records.map(({ priority }) => priority))].sort((a, b) => a - b)
  return priorities.flatMap((priority) =>
    drawAll(
      records.filter((record) => record.priority === priority),
      random,
    ),
  )
}

/** RFC 2782, "Weight": those of weight 0 stand first, a number from 0 to the sum inclusive picks by running sum. */
function drawAll(group: readonly SrvRecord[], random: Random): readonly SrvRecord[] {
  const mixed = shuffled(group, random)
  const left = [
    ...mixed.filter(({ weight }) => weight === 0),
    ...mixed.filter(({ weight }) => weight > 0),
  ]
  const drawn: SrvRecord[] = []
  while (left.length > 0) {
    const sum = left.reduce((total, { weight }) => total + weight, 0)
    let number = Math.floor(random.number() * (sum + 1))
    const chosen = left.findIndex(({ weight }) => {
      number -= weight
      return number <= 0
    })
    drawn.push(...left.splice(chosen, 1))
  }
  return drawn
}

/** "In any order" must not mean "in the order of the answer": the group of weight 0 is to share the load too. */
function shuffled<T>(items: readonly T[], random: Random): readonly T[] {
  const mixed = [...items]
  for (let i = mixed.length - 1; i > 0; i--) {
    const j = Math.floor(random.number() * (i + 1))
    const swap = mixed[i] as T
    mixed[i] = mixed[j] as T
    mixed[j] = swap
  }
  return mixed
}

function fault({ target, port }: SrvRecord): LeftOut['why'] | undefined {
  if (target === '.') return 'root'
  if (port === 0) return 'port-zero'
  if (!isDialablePort(port)) return 'port-blocked'
  // RFC 2782: the target is a domain name, so never an address.
  return isHostName(target) ? undefined : 'not-a-host-name'
}
