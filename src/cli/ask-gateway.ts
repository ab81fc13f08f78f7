/**
 * Asks the running gateway, at the admin port of the configuration: why a domain can be reached or not, or to try again.
 *
 * In:    the configuration; what is asked.
 * Out:   its diagnosis, or what it forgot; or why there is none, as the first half of a sentence.
 * Fails: never.
 */
import { request } from 'node:http'
import type { Config } from '../config/schema.ts'
import type { Diagnosis } from '../diagnose/diagnosis.ts'
import { GatewayError, statuses } from '../errors.ts'
import type { Clock } from '../lib/clock.ts'
import { formatEndpoint } from '../lib/ip.ts'
import { nearAddress } from './endpoint-option.ts'

/** `isDown`: nobody listens there. */
type Silence = { readonly why: string; readonly isDown?: boolean }
export type Answered = { readonly diagnosis: Diagnosis } | Silence

/** Longer than a gateway takes at most, by this much. */
const graceMs = 3000
const mostBytes = 4_194_304

export async function askGateway(
  clock: Clock,
  config: Pick<Config, 'listen' | 'limits' | 'domains'>,
  asked: URLSearchParams,
): Promise<Answered> {
  const ms = config.limits.adminExplainMs + graceMs
  const reply = goodOf(
    await askAdmin(clock, config, { method: 'GET', path: `/explain?${asked}`, ms }),
  )
  if ('why' in reply) return reply
  const { body, where } = reply
  const found = readDiagnosis(body)
  if (found === undefined) return { why: `What answers at ${where} is no gateway of this version` }
  const { by } = found
  const isOurs =
    by.who === 'gateway' && config.domains.some(({ name }) => by.domains.includes(name))
  return isOurs ? { diagnosis: found } : { why: `The gateway at ${where} is one of other domains` }
}

export type Forgotten = { readonly answers: number; readonly waits: number }

/** Lets it ask DNS anew, and try again to reach `domain`, or all that it could not reach. */
export async function flushGateway(
  clock: Clock,
  config: Pick<Config, 'listen' | 'limits'>,
  domain: string | undefined,
): Promise<Forgotten | Silence> {
  const query = domain === undefined ? '' : `?${new URLSearchParams({ domain })}`
  const question = { method: 'POST', path: `/flush${query}`, ms: graceMs } as const
  const reply = goodOf(await askAdmin(clock, config, question))
  if ('why' in reply) return reply
  const { body, where } = reply
  try {
    const { answers, waits } = JSON.parse(body) as Forgotten
    if (Number.isInteger(answers) && Number.isInteger(waits)) return { answers, waits }
  } catch {
    // Told below.
  }
  return { why: `What answers at ${where} is no gateway of this version` }
}

type Question = { readonly method: 'GET' | 'POST'; readonly path: string; readonly ms: number }
type Reply = { readonly status: number; readonly body: string }

type Placed = Reply & { readonly where: string }

/** Only what was answered as it was asked. */
function goodOf(reply: Placed | Silence): Placed | Silence {
  if ('why' in reply || reply.status === 200) return reply
  if (reply.status === 400) throw new GatewayError('usage', messageIn(reply.body))
  return { why: `The gateway at ${reply.where} does not say (${words(reply)})` }
}

/** What the admin port of the configuration says, and where it is; or why it says nothing, as the first half of a sentence. */
export async function askAdmin(
  clock: Clock,
  { listen }: Pick<Config, 'listen'>,
  question: Question,
): Promise<Placed | Silence> {
  const { address, port, token } = listen.admin
  if (port === 0) return { why: 'The system chooses the admin port, so no gateway can be asked' }
  const host = nearAddress(address)
  const where = formatEndpoint(host, port)
  const reply = await answerOf(clock, { ...question, host, port, token })
  return typeof reply === 'string'
    ? { why: `No gateway answers at ${where} (${reply})`, isDown: reply === refused }
    : { ...reply, where }
}

type Place = { readonly host: string; readonly port: number; readonly token: string | null }

/** A reply, or in a few words why there is none. */
function answerOf(
  clock: Clock,
  { host, port, token, method, path, ms }: Question & Place,
): Promise<Reply | string> {
  return new Promise((resolve) => {
    const sent = request({
      ...{ host, port, method, path, agent: false },
      headers: token === null ? {} : { authorization: `Bearer ${token}` },
    })
    const end = (reply: Reply | string): undefined => {
      cancel()
      sent.destroy()
      resolve(reply)
    }
    const cancel = clock.after(ms, () => end('not in time'))
    sent.on('error', (error: NodeJS.ErrnoException) => end(faults[error.code ?? ''] ?? 'no HTTP'))
    sent.on('response', (response) => {
      let body = ''
      response.setEncoding('utf8')
      response.on('data', (chunk: string) => {
        body += chunk
        if (body.length > mostBytes) end('too long an answer')
      })
      response.on('end', () => end({ status: response.statusCode ?? 0, body }))
      response.on('error', () => end('the answer broke off'))
    })
    sent.end()
  })
}

const refused = 'connection refused'

const faults: Readonly<Record<string, string>> = {
  ECONNREFUSED: refused,
  ECONNRESET: 'closed by the far side',
  EHOSTUNREACH: 'no way to the host',
  ENETUNREACH: 'no way to the network',
}

export const words = ({ status }: Reply): string => meanings[status] ?? `HTTP status ${status}`

const meanings: Readonly<Record<number, string>> = {
  401: 'its listen.admin.token is another one',
  404: 'it is of another version',
  503: 'it is explaining much already',
}

/** Why it was not to be asked. */
function messageIn(body: string): string {
  try {
    return String((JSON.parse(body) as { error: { message: unknown } }).error.message)
  } catch {
    return 'the gateway does not understand the question'
  }
}

/** As much of the shape is checked as is needed to print it. */
function readDiagnosis(body: string): Diagnosis | undefined {
  try {
    const value = JSON.parse(body) as Diagnosis
    const { by, steps, targets, destinations, links, events, search, claim, ours, result } = value
    const lists: readonly unknown[] = [
      ...[steps, targets, destinations, links, events, ours?.steps ?? []],
      ...(by.who === 'gateway' ? [by.domains] : []),
      ...targets.map(({ addresses }) => addresses),
    ]
    const looks = [search, claim, ours].map((one) => one?.result ?? 'ok')
    const codes = [result, ...looks, ...destinations.map(({ cause }) => cause ?? 'ok')]
    const isWhole = lists.every(Array.isArray) && codes.every((code) => code in statuses)
    return isWhole ? value : undefined
  } catch {
    return undefined
  }
}
