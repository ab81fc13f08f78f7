/**
 * What happened lately between this gateway and each other domain, for those who ask why.
 *
 * Told of dials that failed, proofs and claims that were judged, credentials that were refused, links that ended: never of
 * a request that went well, and never of a user.
 */
import type { Service } from '../address/address.ts'
import type { Domain } from '../address/domain.ts'
import { isSuccess, type Status, statuses } from '../errors.ts'

export const journalKinds = ['dial', 'proof', 'claim', 'credential', 'link'] as const

export type JournalEvent = {
  /**
   * `dial`: an attempt of ours to get a link. `proof`: the far side claimed to be `remote`, and we judged. `claim`: we
   * claimed to be `local`, and the far side judged. `credential`: one of a user of `remote`, on a link where that is
   * proven, was refused. `link`: a link that served the pair ended.
   */
  readonly kind: (typeof journalKinds)[number]
  /** `out`: on a link that this side dialled to get to `remote`; `in`: on any other. */
  readonly direction: 'in' | 'out'
  /** `undefined`: it did not come to that. */
  readonly local: Domain | undefined
  readonly remote: Domain
  /** What was dialled for; `undefined`: it is about both. */
  readonly service: Service | undefined
  readonly cause: Status
  /** A few words for the operator. */
  readonly detail: string
}

/** Something somebody has to mend, or to wait for: not the end of a link that was idle or old. */
export const isFault = ({ cause }: Pick<JournalEvent, 'cause'>): boolean =>
  !isSuccess(cause) && statuses[cause].side !== 'none'

/**
 * The same event may have come several times, with nothing in between that says the contrary; the detail is that of the
 * last.
 */
export type JournalEntry = JournalEvent & {
  readonly times: number
  /** Of the first and of the last time, in milliseconds since 1970. */
  readonly since: number
  readonly at: number
}

export interface Journal {
  note(event: JournalEvent): undefined
  /** The last different events with a domain, the latest last. */
  of(domain: Domain): readonly JournalEntry[]
  /** Domains that we dialled, or that are known. */
  peers(): Iterable<Domain>
  /** What strangers said to be, the last of them first. */
  claimed(): Iterable<Domain>
}
