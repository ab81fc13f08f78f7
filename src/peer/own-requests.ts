/** Requests that this gateway makes itself, as values that a link can carry. */
import type { Status } from '../errors.ts'
import {
  type AnswerView,
  bare,
  contentOf,
  type Outgoing,
  type Reference,
} from '../link/outgoing.ts'
import { type CommandName, commands } from '../wire/registry.ts'

export const noBody = Buffer.alloc(0)

export type OwnRequest = {
  readonly command: CommandName
  readonly hops: number
  readonly reference: Reference | undefined
  readonly from: string
  readonly user: string
  readonly answerCredit: number
  readonly fields: Buffer
  readonly body: Buffer
  readonly freshen: Outgoing['freshen']
  readonly answered: (answer: AnswerView) => undefined
  readonly failed: (code: Status, sent: boolean) => undefined
  /** As of the request; nothing: from when it is asked. */
  readonly since?: number
}

/** For NOTIFY: only a refusal is answered; `failed` says that it may not have arrived. */
export const makeNotice = (asked: Omit<OwnRequest, 'answerCredit'>): Outgoing =>
  make({ ...asked, answerCredit: 0 }, false)

/** A request of a user, on the user's credential. */
export const makeRequest = (
  asked: Pick<
    OwnRequest,
    | 'command'
    | 'hops'
    | 'reference'
    | 'user'
    | 'answerCredit'
    | 'fields'
    | 'answered'
    | 'failed'
    | 'since'
  >,
): Outgoing => make({ ...asked, from: '', body: noBody, freshen: undefined }, true)

/** A request of the domain itself: PROVE, KEYS, FORGET, RENEW. */
export const ownRequest = (
  command: CommandName,
  fields: Buffer,
  answered: Outgoing['answered'],
  failed: Outgoing['failed'],
  answerCredit = 0,
): Outgoing =>
  makeRequest({
    ...{ command, fields, answerCredit, answered, failed },
    hops: 0,
    reference: undefined,
    user: '',
  })

function make({ fields, body, ...asked }: OwnRequest, expectsAnswer: boolean): Outgoing {
  const { number, trafficClass } = commands[asked.command]
  const content = contentOf(fields, body)
  return { ...bare, ...asked, ...content, command: number, trafficClass, expectsAnswer }
}
