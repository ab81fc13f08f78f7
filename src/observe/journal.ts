/**
 * The last events with each other domain, in memory.
 *
 * In:    events, as they happen.
 * Out:   those of a domain; one that comes again is counted, not kept twice.
 * Fails: never. What is too much is forgotten.
 *
 * A stranger may claim any name, in any number and with any mistake. So the domains that we dialled, those that we
 * know, and those that somebody said to be have tables of their own, and what strangers say to be one domain fills at
 * most half of its entries.
 */
import type { Domain } from '../address/domain.ts'
import { isSuccess } from '../errors.ts'
import { type BoundedMap, boundedMap } from '../lib/bounded-map.ts'
import type { Clock } from '../lib/clock.ts'
import type { Meter } from '../lib/meter.ts'
import type { Limits } from '../limits.ts'
import {
  isFault,
  type Journal,
  type JournalEntry,
  type JournalEvent,
} from '../operation/journal.ts'

export type JournalNeeds = {
  readonly clock: Pick<Clock, 'wall'>
  readonly limits: Pick<Limits, 'journalDomains' | 'journalEntries'>
  readonly meter: Meter
  /** Proven before, or named by the operator. */
  readonly isKnown: (domain: Domain) => boolean
  /** Told of each event that somebody has to mend. */
  readonly failed?: (event: JournalEvent) => undefined
}

type Table = BoundedMap<readonly JournalEntry[]>

/** A detail may list every address that was tried. */
const mostDetail = 400

export class MemoryJournal implements Journal {
  readonly #needs: JournalNeeds
  readonly #dialled: Table
  readonly #known: Table
  readonly #claimed: Table

  constructor(needs: JournalNeeds) {
    this.#needs = needs
    this.#dialled = this.#table()
    this.#known = this.#table()
    this.#claimed = this.#table()
  }

  note(event: JournalEvent): undefined {
    const { remote } = event
    if (isFault(event)) this.#needs.failed?.(event)
    const before = this.#tableOf(remote)
    const entries = this.#added(before?.peek(remote) ?? [], event)
    before?.delete(remote)
    this.#tableFor(event, before).set(remote, entries)
  }

  of(domain: Domain): readonly JournalEntry[] {
    return this.#tableOf(domain)?.peek(domain) ?? []
  }

  *peers(): Generator<Domain> {
    for (const table of [this.#dialled, this.#known]) yield* domainsIn(table)
  }

  claimed(): Iterable<Domain> {
    return domainsIn(this.#claimed)
  }

  #table(): Table {
    const { limits, meter } = this.#needs
    return boundedMap({
      most: limits.journalDomains,
      forgotten: () => meter.hit('journalDomains'),
    })
  }

  #tableOf(domain: Domain): Table | undefined {
    return [this.#dialled, this.#known, this.#claimed].find(
      (table) => table.peek(domain) !== undefined,
    )
  }

  /** A domain moves up, never down. */
  #tableFor({ direction, remote }: JournalEvent, before: Table | undefined): Table {
    if (direction === 'out' || before === this.#dialled) return this.#dialled
    return before === this.#known || this.#needs.isKnown(remote) ? this.#known : this.#claimed
  }

  #added(before: readonly JournalEntry[], event: JournalEvent): readonly JournalEntry[] {
    const at = this.#needs.clock.wall()
    const same = before.find((entry) => isSame(entry, event))
    const isGoingOn = same !== undefined && !isContradicted(before, same)
    const { times, since } = isGoingOn ? same : { times: 0, since: at }
    const detail = event.detail.slice(0, mostDetail)
    const entry = { ...event, detail, times: times + 1, since, at }
    return this.#cut([...before.filter((other) => other !== same), entry])
  }

  #cut(entries: readonly JournalEntry[]): readonly JournalEntry[] {
    const { journalEntries } = this.#needs.limits
    if (entries.length <= journalEntries) return entries
    const isTooMuch = entries.filter(isHearsay).length > journalEntries / 2
    const oldest = entries.find((entry) => isHearsay(entry) === isTooMuch)
    return entries.filter((entry) => entry !== oldest)
  }
}

const isSame = (one: JournalEvent, other: JournalEvent): boolean =>
  one.kind === other.kind &&
  one.direction === other.direction &&
  one.local === other.local &&
  one.service === other.service &&
  one.cause === other.cause

/** What failed went well since, or the reverse: the end of a link says neither. */
function isContradicted(all: readonly JournalEntry[], entry: JournalEntry): boolean {
  if (entry.kind === 'link') return false
  const later = all.slice(all.indexOf(entry) + 1)
  return later.some(
    ({ kind, direction, cause }) =>
      kind !== 'link' &&
      direction === entry.direction &&
      isSuccess(cause) !== isSuccess(entry.cause),
  )
}

/** Names are given by `note` alone. */
const domainsIn = (table: Table): Generator<Domain> => table.keys() as Generator<Domain>

/** Somebody came and was not believed: it may have been anybody. */
const isHearsay = ({ kind, direction, cause }: JournalEvent): boolean =>
  kind === 'proof' && direction === 'in' && !isSuccess(cause)
