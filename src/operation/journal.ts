/**
 * What happened lately between this gateway and each other domain, for those who ask why.
 *
 * Told of dials that failed, proofs and claims that were judged, links that ended: never of a request that went well,
 * and never of a user.
 */
import type { Service } from '../address/address.ts'
import type { Domain } from '../address/domain.ts'
import type { Status } from '../errors.ts'

export type JournalEvent = {
  /**
   * `dial`: an attempt of ours to get a link. `proof`: the far side claimed to be `remote`, and we judged. `claim`: we
   * claimed to be `local`, and the far side judged. `link`: a link that served the pair ended.
   */
  readonly kind: 'dial' | 'proof' | 'claim' | 'link'
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

/** The same event may have come several times; the detail is that of the last. */
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
}
