/**
 * Resolve: one question to one server, with every retry that this server deserves.
 *
 * In:    a question and a server.
 * Out:   an answer with rcode 0 or 3, or why this server gave none.
 * Fails: never.
 * Spec:  RFC 6891 §7 (a server that does not know EDNS), RFC 7766 §5 (truncated: TCP),
 *        RFC 9520 §2 (at most three sends to one server over one transport).
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
}

export type Reply = {
  readonly answer: Answer | undefined
  readonly failure: Failure | 'none'
  readonly transport: Transport
  /** Whether the server took our OPT record. */
  readonly edns: boolean
}

/** Over UDP; again without OPT if the server does not know it; over TCP if UDP did not bring the whole truth. */
export async function askServer(needs: Needs, request: Request): Promise<Reply> {
  let reply = await send(needs, request, 'udp')
  if (isEdnsRefusal(reply) && request.edns) {
    reply = await send(needs, { ...request, edns: false }, 'udp')
  }
  if (needsStream(reply.failure)) {
    reply = await send(needs, { ...request, edns: reply.edns }, 'tcp')
  }
  return judged(reply)
}

async function send(
  { exchange, random, limits, meter }: Needs,
  { server, question, edns, signal }: Request,
  transport: Transport,
): Promise<Reply> {
  const query = buildQuery(question, random.bytes(2).readUInt16BE(0), edns)
  const heard = await exchange({
    server,
    transport,
    query,
    isAnswer: (bytes) => isAnswerTo(query, bytes),
    timeoutMs: limits.dnsTryMs,
    signal,
  })
  meter.counter('dns_strays_total').n += heard.strays
  const reply = read(query, heard.bytes)
  const failure = heard.silence ?? reply.failure
  count(meter, { transport, outcome: failure === 'none' ? 'answer' : failure }).n += 1
  return { ...reply, failure, transport, edns }
}

function read(query: Buffer, bytes: Buffer | undefined): Pick<Reply, 'answer' | 'failure'> {
  if (bytes === undefined) return { answer: undefined, failure: 'none' }
  const answer = readAnswer(query, bytes)
  if ('fault' in answer) return { answer: undefined, failure: 'malformed' }
  return { answer, failure: answer.truncated ? 'truncated' : 'none' }
}

const count = (meter: Meter, labels: Labels): Counter => meter.counter('dns_queries_total', labels)

const isEdnsRefusal = ({ answer }: Reply): boolean =>
  answer?.rcode === rcodes.formatError || answer?.rcode === rcodes.badVersion

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
