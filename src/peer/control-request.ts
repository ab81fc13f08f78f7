/** A request that the gateway makes for the domain itself: PROVE, KEYS, FORGET. */
import type { Outgoing } from '../link/outgoing.ts'
import { trafficClass } from '../wire/registry.ts'

export function controlRequest(
  command: number,
  bytes: Buffer,
  answerCredit: number,
  answered: Outgoing['answered'],
  failed: Outgoing['failed'],
): Outgoing {
  return {
    command,
    trafficClass: trafficClass.control,
    hops: 0,
    reference: undefined,
    laneEpoch: 0,
    laneSequence: 0,
    settled: 0,
    from: '',
    answerCredit,
    expectsAnswer: true,
    user: '',
    buffer: bytes,
    fieldsAt: 0,
    bodyAt: bytes.length,
    end: bytes.length,
    sentAt: -1,
    answered,
    failed,
  }
}
