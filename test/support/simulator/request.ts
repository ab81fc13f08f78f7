/** A request of a user, as a link carries it. */
import type { Status } from '../../../src/errors.ts'
import { type AnswerView, bare, contentOf, type Outgoing } from '../../../src/link/outgoing.ts'
import { type CommandName, commands } from '../../../src/wire/registry.ts'

export type UserRequest = {
  readonly command: CommandName
  readonly fields: Buffer
  readonly body?: Buffer
  readonly lane?: { readonly epoch: number; readonly sequence: number; readonly settled: number }
  readonly answerCredit?: number
  readonly hops?: number
  readonly answered: (answer: AnswerView) => undefined
  readonly failed: (code: Status, sent: boolean) => undefined
}

export function userRequest(request: UserRequest): Outgoing {
  const { command, fields, body, lane, answered, failed } = request
  const { number, trafficClass } = commands[command]
  return {
    ...bare,
    ...contentOf(fields, body ?? Buffer.alloc(0)),
    command: number,
    trafficClass,
    hops: request.hops ?? 0,
    laneEpoch: lane?.epoch ?? 0,
    laneSequence: lane?.sequence ?? 0,
    settled: lane?.settled ?? 0,
    answerCredit: request.answerCredit ?? 0,
    answered,
    failed,
  }
}
