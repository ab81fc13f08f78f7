/**
 * Resolve: one question to one server, over UDP or TCP as it turns out to need.
 *
 * In:    a question and a server.
 * Out:   an answer with rcode 0 or 3, or why this server gave none.
 * Fails: never.
 * Spec:  RFC 7766 §5 (truncated: TCP).
 */
import type { Counter, Labels, Meter } from '../lib/meter.ts'
import type { Random } from '../lib/random.ts'
import type { Limits } from '../limits.ts'
import type { DnsExchange, DnsServer, Transport } from './exchange.ts'
import { type Answer, buildQuery, type Question, rcodes, readAnswer } from './message.ts'
import type { Failure } from './outcome.ts'
import { isAnswerTo } from './survey.ts'

export type Needs = {
  readonly exchange: DnsExchange
  readonly random: Random
  readonly limits: Limits
  readonly meter: Meter
}

export type Request = {
  readonly server: DnsServer
  readonly question: Question
  readonly edns: boolean
  readonly signal: AbortSignal
  /** It has had the time of a try: where nothing was heard, that is silence, and not a wish of the one who asked. */
  readonly isLate: () => boolean
}

export type Reply = {
  readonly answer: Answer | undefined
  readonly failure: Failure | 'none'
  readonly transport: Transport
}

/** Over UDP; over TCP if that did not bring the whole truth. */
export async function askServer(needs: Needs, request: Request): Promise<Reply> {
  const reply = await send(needs, request, 'udp')
  return judged(needsStream(reply.failure) ? await send(needs, request, 'tcp') : reply)
}

async function send(
  { exchange, random, meter }: Needs,
  { server, question, edns, signal, isLate }: Request,
  transport: Transport,
): Promise<Reply> {
  const query = buildQuery(question, random.bytes(2).readUInt16BE(0), edns)
  const heard = await exchange({
    server,
    transport,
    query,
    isAnswer: (bytes) => isAnswerTo(query, bytes),
    signal,
  })
  meter.counter('dns_strays_total').n += heard.strays
  const reply = read(query, heard.bytes)
  const silence = heard.silence === 'cancelled' && isLate() ? 'timeout' : heard.silence
  const failure = silence ?? reply.failure
  count(meter, { transport, outcome: failure === 'none' ? 'answer' : failure }).n += 1
  return { ...reply, failure, transport }
}

function read(query: Buffer, bytes: Buffer | undefined): Pick<Reply, 'answer' | 'failure'> {
  if (bytes === undefined) return { answer: undefined, failure: 'none' }
  const answer = readAnswer(query, bytes)
  if ('fault' in answer) return { answer: undefined, failure: 'malformed' }
  return { answer, failure: answer.truncated ? 'truncated' : 'none' }
}

const count = (meter: Meter, labels: Labels): Counter => meter.counter('dns_queries_total', labels)

/** Cut short, not readable, or drowned in guesses: none of these gets better over UDP. */
const needsStream = (failure: Failure | 'none'): boolean =>
  failure === 'truncated' || failure === 'malformed' || failure === 'strays'

/** rcode 0 and 3 are final; every other says that this server could not find out. */
function judged(reply: Reply): Reply {
  const { answer, failure } = reply
  if (answer === undefined || failure !== 'none') return { ...reply, answer: undefined }
  if (answer.rcode === rcodes.nameError) return reply
  if (answer.rcode === rcodes.noError) {
    return answer.isReferral ? { ...reply, answer: undefined, failure: 'referral' } : reply
  }
  return { ...reply, answer: undefined, failure: rcodeFailures.get(answer.rcode) ?? 'other-rcode' }
}

const rcodeFailures: ReadonlyMap<number, Failure> = new Map([
  [2, 'servfail'],
  [5, 'refused'],
])
