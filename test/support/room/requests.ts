/**
 * Requests of every command, right in what they say, whose fields and bodies are as long and as many as a hop may find
 * them: below, at and above what the page allows.
 *
 * In:    chance, and the names that mean something where the request goes.
 * Out:   the frames of one request, and what has to arrive of it if it is passed on.
 */
import type { Random } from '../../../src/lib/random.ts'
import * as wire from '../script/codec.ts'
import { between, pick } from '../simulator/faults.ts'

const { command, tag, type } = wire

export type Words = {
  readonly own: string
  /** Whom requests are for. */
  readonly addresses: readonly string[]
  /** Ids of subscriptions that somebody holds. */
  readonly subscriptions: readonly Buffer[]
  /** A number under which a credential was shown; 0 for a client. */
  readonly reference: number
}

export type Made = {
  readonly frames: readonly Buffer[]
  readonly command: number
  readonly to: string
  /** Of a MESSAGE: names it. */
  readonly messageId: string
  /** As they stand in the frame. */
  readonly endToEnd: Buffer
  readonly body: Buffer
  readonly answerCredit: number
}

type Field = readonly [tag: number, value: Buffer]

const text = (value: string): Buffer => Buffer.from(value)
const document = '{"tuples":{"desk":{"basic":"open"}}}'

/** What a command needs. */
function meant(random: Random, number: number, words: Words, to: string): readonly Field[] {
  const id = random.bytes(16)
  const subscription = pick(random, words.subscriptions) ?? id
  switch (number) {
    case command.message:
      return [[tag.to, text(to)], [tag.id, id], ...contentType(random)]
    case command.fetch:
      return [[tag.to, text(to)]]
    case command.subscribe:
    case command.unsubscribe:
      return [
        [tag.to, text(to)],
        [tag.subscription, subscription],
        [tag.lease, wire.u32(300)],
      ]
    case command.renew: {
      const ids = Buffer.concat(Array.from({ length: between(random, 0, 128) }, () => subscription))
      const ours = to.slice(to.indexOf('@') + 1)
      const names: readonly Field[] = [
        [tag.domain, text(words.own)],
        [tag.audience, text(ours)],
      ]
      return [...(words.reference > 0 ? names : []), [tag.subscriptions, ids]]
    }
    case command.notify:
      return [
        [tag.subscription, subscription],
        [tag.version, wire.u32(1, between(random, 1, 1_000_000))],
        [tag.state, Buffer.of(1)],
      ]
    case command.publish:
      return [
        [tag.lease, wire.u32(300)],
        [tag.entityTag, id],
      ]
    case command.issue:
      return [
        [tag.audience, text(pick(random, ['b.example', longestDomain]) ?? '')],
        [tag.scope, text('im.send pres.watch')],
      ]
    case command.forget:
      return [[tag.references, wire.u32(...Array.from({ length: 500 }, (_, n) => 1000 + n))]]
    case command.keys:
      return [[tag.domain, text(to.slice(to.indexOf('@') + 1))]]
    default:
      return [[tag.token, random.bytes(between(random, 1, 2048))]]
  }
}

const longestDomain = [63, 63, 63, 61].map((length) => 'd'.repeat(length)).join('.')

const contentType = (random: Random): readonly Field[] =>
  random.number() < 0.3 ? [[tag.contentType, Buffer.alloc(between(random, 1, 255), 'x')]] : []

/** Each as often as another; MESSAGE and FETCH, which travel, as often as all others. */
const commands = Object.values(command).flatMap((number) =>
  number === command.message || number === command.fetch ? Array(8).fill(number) : [number],
) as readonly number[]

export function makeRequest(random: Random, id: number, words: Words): Made {
  const number = pick(random, commands) ?? command.message
  const to = pick(random, words.addresses) ?? ''
  const endToEnd = padded(random, meant(random, number, words, to))
  const body = bodyOf(random, number, endToEnd)
  const answerCredit = pick(random, [0, 0, 9, 8192, 65_536]) ?? 0
  // A block that is nearly full has no more than it must have.
  const isFull = endToEnd.length > 30 && words.reference === 0
  const hop = isFull ? [] : hopFields(random, number, words, answerCredit)
  const block = wire.fields(endToEnd)
  const messageId = endToEnd.find(([one]) => one === tag.id)?.[1].toString('hex') ?? ''
  return {
    ...{ command: number, to, endToEnd: block, body, answerCredit, messageId },
    frames: framesOf(id, number, words.reference, hop, block, body),
  }
}

/** Up to a number of fields and bytes at which something changes. */
function padded(random: Random, own: readonly Field[]): readonly Field[] {
  const list = new Map<number, Buffer>(own)
  const count = drawn(random, [0, 0, 1, 2, 23, 24, 24, 25, 32], [30, 31, 33])
  const bytes = drawn(random, [0, 0, 7167, 7168, 7168, 7169], [8100, 8192, 8193])
  for (const one of strange(random)) {
    if (list.size >= count && (bytes === 0 || list.size - own.length >= 5)) break
    if (!list.has(one)) list.set(one, Buffer.alloc(0))
  }
  let left = bytes - wire.fields([...list]).length
  for (const one of list.keys()) {
    if (own.some(([known]) => known === one) || left <= 0) continue
    const length = Math.min(2048, left)
    list.set(one, random.bytes(length))
    left -= length
  }
  return [...list].sort(([a], [b]) => a - b)
}

/** Mostly one of the first: what ends the link of its sender ends what is under way there. */
const drawn = (random: Random, mostly: readonly number[], seldom: readonly number[]): number =>
  pick(random, random.number() < 0.95 ? mostly : seldom) ?? 0

/** Tags that nobody knows, each once, most of them even; seldom the one that is never used. */
function strange(random: Random): readonly number[] {
  const tags: number[] = []
  while (tags.length < 60) {
    const even = 2 * between(random, 0x11, 0x7f)
    const one = random.number() < 0.002 ? even + 1 : random.number() < 0.003 ? 0x20 : even
    if (!tags.includes(one) && !knownTags.has(one)) tags.push(one)
  }
  return tags
}

const knownTags: ReadonlySet<number> = new Set(Object.values(tag))

function hopFields(
  random: Random,
  number: number,
  { reference }: Words,
  answerCredit: number,
): readonly Field[] {
  const list = new Map<number, Buffer>()
  if (answerCredit > 0) list.set(tag.answerCredit, wire.u32(answerCredit))
  if (reference > 0 && number === command.message) list.set(tag.lane, wire.u32(++epochs, 1))
  for (let left = pick(random, [0, 0, 1, 5]) ?? 0; left > 0; left--) {
    const one = 2 * between(random, 1, 15)
    if (!list.has(one)) list.set(one, random.bytes(between(random, 0, 20)))
  }
  return [...list].sort(([a], [b]) => a - b)
}

let epochs = 1_790_000_000

const frameBytes = 16_384

/** Around the length at which a frame is full, with what a hop adds and without. */
function bodyOf(random: Random, number: number, endToEnd: readonly Field[]): Buffer {
  if (number === command.publish || number === command.notify) return text(document)
  if (number !== command.message) return Buffer.alloc(0)
  const full = frameBytes - 8 - wire.fields(endToEnd).length
  const around =
    full - (pick(random, [0, 0, 7, 11, 18, 25, 513, 1024]) ?? 0) + between(random, -2, 2)
  const length = pick(random, [0, 10, 10, 10, around, around, around, 20_000, 65_536, 65_537]) ?? 0
  return Buffer.alloc(Math.max(0, length), between(random, 0, 255))
}

function framesOf(
  id: number,
  number: number,
  reference: number,
  hop: readonly Field[],
  block: Buffer,
  body: Buffer,
): readonly Buffer[] {
  const flags =
    number < command.message ? wire.control : number < command.publish ? wire.im : wire.pres
  const write = (list: wire.FieldList, more: number, part: Buffer) => {
    const fields = Buffer.concat([wire.fields(list), block])
    const head = Buffer.alloc(8)
    head[0] = number
    head[1] = reference > 0 ? 1 : 0
    head.writeUInt32BE(reference, 2)
    head.writeUInt16BE(Math.min(fields.length, 0xffff), 6)
    return wire.frame(type.request, flags | more, id, Buffer.concat([head, fields, part]))
  }
  const whole = write(hop, 0, body)
  if (whole.length - 9 <= frameBytes) return [whole]
  const list = [[tag.bodyLength, wire.u32(body.length)] as const, ...hop]
  const first = frameBytes - (write(list, 0, Buffer.alloc(0)).length - 9)
  const frames = [write(list, wire.more, body.subarray(0, Math.max(0, first)))]
  for (let at = Math.max(0, first); at < body.length; at += frameBytes) {
    const isLast = at + frameBytes >= body.length
    const piece = body.subarray(at, at + frameBytes)
    frames.push(wire.frame(type.chunk, isLast ? 0 : wire.more, id, piece))
  }
  return frames
}

/** An answer to what was passed on: status, fields and body of any length that the grammar allows. */
export function makeAnswer(random: Random, number: number) {
  const fields = padded(random, number === command.fetch ? [[tag.version, wire.u32(1, 1)]] : [])
  const sound = fields.slice(0, 30)
  while (wire.fields(sound).length > 8192 - 14) sound.pop()
  const wait: readonly Field[] = random.number() < 0.5 ? [[tag.retryAfter, wire.u32(1)]] : []
  const room = frameBytes - 4 - 14 - wire.fields(sound).length
  const most = number === command.fetch ? 8192 : room
  const length = pick(random, [0, 10, Math.min(most, room), most]) ?? 0
  const status = pick(random, [0x0001, 0x0400, 0x0404, 0x0701]) ?? 0
  return { status, wait, fields: sound, body: Buffer.alloc(length, 'd') }
}
