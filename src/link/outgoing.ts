/** What a link needs of a request that it carries, and what it tells about the answer. */
import type { Status } from '../errors.ts'
import type { Account } from '../shares/account.ts'
import type { FieldTable } from '../wire/fields.ts'
import { commands, type TrafficClass } from '../wire/registry.ts'
import type { Hello } from './hello.ts'

/** A credential that requests refer to by number; shown on the link just before the first request that names it. */
export interface Reference {
  /** 0 before it is shown. */
  readonly number: number
  /** Clock time from which on CREDENTIAL has to be written (again) before a request that names it. */
  readonly refreshAt: number
  /** A request that names it waits for its turn, or does so no longer. */
  wait(now: number): undefined
  leave(): undefined
  /** The CREDENTIAL that is written now. It may show others, too, which are not due any more then. */
  present(now: number): Presentation
}

/** One CREDENTIAL. */
export type Presentation = {
  /** Whose number the request carries; nothing: it is for several, and lists theirs. */
  readonly reference: Reference | undefined
  readonly fields: Buffer
  readonly answered: (status: Status) => undefined
}

/** Reused for the next answer: whoever keeps something copies it. */
export type AnswerView = {
  status: Status
  /** Of a failure: milliseconds to wait; -1 if nothing was said. */
  retryAfterMs: number
  fields: FieldTable
  buffer: Buffer
  /** End-to-end fields from here to `bodyAt`, then the body up to `end`. */
  fieldsAt: number
  bodyAt: number
  end: number
}

/**
 * One request on its way out. The link reads `buffer` from `fieldsAt` (end-to-end fields, as encoded) over `bodyAt`
 * to `end`, and leaves in these four where its own copy lies, so that the request can be repeated.
 */
export type Outgoing = {
  readonly command: number
  readonly trafficClass: TrafficClass
  readonly hops: number
  /** `undefined`: the domain itself asks, or the client as what it is attached as. */
  readonly reference: Reference | undefined
  /** Sequence 0: no lane. */
  readonly laneEpoch: number
  readonly laneSequence: number
  readonly settled: number
  /** Address to write as `from`; empty: none. For links to clients. */
  readonly from: string
  /** Longest answer body that is accepted; 0: what fits one frame. */
  readonly answerCredit: number
  /** False for NOTIFY: only a refusal is answered. */
  readonly expectsAnswer: boolean
  /** Who waits its turn: requests of one user keep their order, users take turns. */
  readonly user: string
  /** Who pays for it while it waits; nothing: whoever the link is read for. */
  readonly payer?: Account | undefined
  /** Its bytes are its own, and paid: the link copies them into what it writes alone. */
  readonly isKept?: boolean
  buffer: Buffer
  fieldsAt: number
  bodyAt: number
  end: number
  /** Clock time from which its answer is awaited: when that came for which it is asked; -1: when it is asked. */
  since: number
  /** Clock time at which it was written; -1 before. The link sets it. */
  sentAt: number
  /**
   * Its turn has come after a wait: `other` says that other bytes stand here now, `unwanted` that it is not to be sent
   * any more, of which nobody is told. `undefined`: it goes as it is.
   */
  readonly freshen: ((outgoing: Outgoing) => 'same' | 'other' | 'unwanted') | undefined
  readonly answered: (answer: AnswerView) => undefined
  /** No answer will come. `sent`: it was written, so nobody knows what became of it; also where none was expected. */
  readonly failed: (code: Status, sent: boolean) => undefined
}

/** [LINK-5.2-9] A message that the far side has said it does not take: asking anyway would end with a CANCEL. */
export const isTooLarge = (
  { command, bodyAt, end }: Outgoing,
  far: Pick<Hello, 'messageBytes'> | undefined,
): boolean =>
  far !== undefined && command === commands.message.number && end - bodyAt > far.messageBytes

/** What most requests have in common: of the asker itself, in no lane, answered in one frame. */
export const bare = {
  hops: 0,
  reference: undefined,
  laneEpoch: 0,
  laneSequence: 0,
  settled: 0,
  from: '',
  answerCredit: 0,
  expectsAnswer: true,
  user: '',
  since: -1,
  sentAt: -1,
  freshen: undefined,
} satisfies Partial<Outgoing>

/** Where fields and body of a request lie. */
export function contentOf(
  fields: Buffer,
  body: Buffer,
): Pick<Outgoing, 'buffer' | 'fieldsAt' | 'bodyAt' | 'end'> {
  const buffer = body.length === 0 ? fields : Buffer.concat([fields, body])
  return { buffer, fieldsAt: 0, bodyAt: fields.length, end: buffer.length }
}

/** The request that shows a credential, in the class of the one that names it. */
export const presenting = (
  { reference, fields, answered }: Presentation,
  trafficClass: TrafficClass,
  since: number,
): Outgoing => ({
  ...bare,
  ...contentOf(fields, noBody),
  ...{ since, command: commands.credential.number, trafficClass, reference },
  answered: ({ status }) => answered(status),
  failed: () => undefined,
})

const noBody = Buffer.alloc(0)
