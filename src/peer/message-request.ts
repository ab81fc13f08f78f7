/** A message as the request that a link carries: to another domain, or to a session of its recipient. */
import type { Status } from '../errors.ts'
import type { AnswerView, Outgoing, Reference } from '../link/outgoing.ts'
import type { Asker } from '../operation/call.ts'
import type { Message } from '../operation/message.ts'
import type { Account } from '../shares/account.ts'
import { commands } from '../wire/registry.ts'

export abstract class MessageRequest implements Outgoing {
  readonly command = commands.message.number
  readonly trafficClass = commands.message.trafficClass
  readonly hops: number
  reference: Reference | undefined = undefined
  laneEpoch = 0
  laneSequence = 0
  settled = 0
  readonly from: string
  readonly answerCredit = 0
  readonly expectsAnswer = true
  readonly user: string
  buffer: Buffer
  fieldsAt: number
  bodyAt: number
  end: number
  since: number
  sentAt = -1
  readonly freshen = undefined
  readonly message: Message
  readonly asker: Asker<Message>

  /** `from`: the sender as it is shown to a client; empty: the credential says it. */
  constructor(message: Message, asker: Asker<Message>, from: string) {
    this.hops = message.hops
    this.from = from
    this.user = message.from.text
    this.since = message.call?.at ?? -1
    this.buffer = message.buffer
    this.fieldsAt = message.fieldsAt
    this.bodyAt = message.bodyAt
    this.end = message.end
    this.message = message
    this.asker = asker
  }

  get payer(): Account | undefined {
    return this.message.payer
  }

  get isKept(): boolean {
    return false
  }

  abstract answered(answer: AnswerView): undefined
  abstract failed(code: Status, sent: boolean): undefined
}
