/**
 * The parts of `docs/protocol.md` that follow from tables: frames, flags, fields, commands, states, statuses, limits
 * and the examples. `node test/support/protocol-page.ts --write` writes them into the page; a test compares.
 */
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type StatusRow, statuses } from '../../src/errors.ts'
import { type LimitName, limitTable } from '../../src/limits.ts'
import {
  classNames,
  commands,
  fields,
  flag,
  frame,
  lastHopTag,
  subscriptionEvent,
  subscriptionState,
} from '../../src/wire/registry.ts'
import { examples } from './frame-vectors.ts'
import * as wire from './script/codec.ts'

export const pagePath = join(import.meta.dirname, '../../docs/protocol.md')

const hex = (number: number, digits: number): string =>
  `0x${number.toString(16).padStart(digits, '0')}`

const table = (head: readonly string[], rows: readonly (readonly string[])[]): string =>
  [
    `| ${head.join(' | ')} |`,
    `|${head.map(() => '---').join('|')}|`,
    ...rows.map((row) => `| ${row.join(' | ')} |`),
  ].join('\n')

const frameMeanings: Readonly<Record<keyof typeof frame, string>> = {
  hello: 'what each side says of itself first (5.2)',
  request: 'a command (4.2)',
  response: 'the answer to a request (4.3)',
  chunk: 'more of a body (4.4)',
  credit: 'how much more may be sent (7.1)',
  cancel: 'a body is taken back (4.4)',
  ping: 'are you there? (8.3)',
  release: 'the link is let go (8.2)',
}

const flagMeanings: Readonly<Record<keyof typeof flag, string>> = {
  more: 'REQUEST, RESPONSE, CHUNK: the body goes on in CHUNK frames',
  answer: 'CHUNK, CANCEL: the body is that of the answer with this id, not of the request',
  ack: 'PING: this is the answer',
  critical: 'a frame of an unknown type: who does not know it ends the link',
}

const felt: readonly LimitName[] = [
  'frameBytes',
  'fieldBytes',
  'fieldCount',
  'fieldValueBytes',
  'helloBytes',
  'messageBytes',
  'presenceBytes',
  'tokenBytes',
  'keySetBytes',
  'keySetKeys',
  'tlsHandshakeMs',
  'proofMs',
  'waitingFrames',
  'waitingBytes',
  'waitingMs',
  'keyFetchMs',
  'unprovenLinks',
  'unprovenLinksPerAddress',
  'handshakesPerAddress',
  'handshakesPerAddressBurst',
  'claimsBurst',
  'claimsPerSecond',
  'strangerDials',
  'strangerClaims',
  'windowRequests',
  'windowBytes',
  'bodiesUnderWay',
  'bodyMs',
  'requestMs',
  'confirmMs',
  'recipientMessages',
  'recipientBytes',
  'pingMs',
  'doubtMs',
  'idleMs',
  'linkAgeMs',
  'drainMs',
  'restartMs',
  'restMaxMs',
  'redialMs',
  'redialLostCapMs',
  'redialCapMs',
  'sessionsPerUser',
  'references',
  'subjects',
  'linkTokenSeconds',
  'credentialMaxSeconds',
  'clockSkewSeconds',
  'keySoftMs',
  'keyHardMs',
  'hops',
  'peerPerSecond',
  'peerBurst',
  'peerNotifyPerSecond',
  'peerNotifyBurst',
  'senderPerSecond',
  'senderBurst',
  'watchesPerSecond',
  'watchesBurst',
  'lanePerSecond',
  'laneBurst',
  'laneInFlight',
  'duplicateMs',
  'duplicateSettledMs',
  'leaseSeconds',
  'leaseMinSeconds',
  'leaseMaxSeconds',
  'subscriptionsPerWatcher',
  'tuples',
  'notifyMs',
  'snapshotMs',
  'unknownMs',
]

/** The others are not announced. */
const announcedBy: ReadonlyMap<LimitName, string> = new Map([
  ['messageBytes', 'HELLO'],
  ['references', 'HELLO'],
  ['subjects', 'HELLO'],
  ['windowRequests', 'CREDIT'],
  ['windowBytes', 'CREDIT'],
])

const tables: Readonly<Record<string, () => string>> = {
  frames: () =>
    table(
      ['type', 'frame', ''],
      Object.entries(frame).map(([name, number]) => [
        hex(number, 2),
        name.toUpperCase(),
        frameMeanings[name as keyof typeof frame],
      ]),
    ),
  flags: () =>
    table(
      ['flag', 'name', ''],
      [
        ...Object.entries(flag).map(([name, number]) => [
          hex(number, 2),
          name.toUpperCase(),
          flagMeanings[name as keyof typeof flag],
        ]),
        ['0x30', 'class', `REQUEST: ${classNames.map((name, i) => `${i} ${name}`).join(', ')}`],
      ],
    ),
  fields: () =>
    table(
      ['tag', 'field', 'value', 'of this hop', 'meaning'],
      Object.entries(fields).map(([name, { tag, shape, meaning }]) => [
        hex(tag, 2),
        `\`${name}\``,
        shape,
        tag <= lastHopTag ? 'yes' : '',
        meaning,
      ]),
    ),
  commands: () =>
    table(
      ['number', 'command', 'class', '', 'meaning'],
      Object.entries(commands).map(([name, { number, trafficClass, status, meaning }]) => [
        hex(number, 2),
        name.toUpperCase(),
        classNames[trafficClass],
        status === 'now' ? '' : status,
        meaning,
      ]),
    ),
  states: () =>
    table(
      ['`state`', ''],
      Object.entries(subscriptionState).map(([name, number]) => [`${number}`, name]),
    ),
  events: () =>
    table(
      ['`event`', 'RFC 3857'],
      Object.entries(subscriptionEvent).map(([name, number]) => [`${number}`, name]),
    ),
  statuses: () =>
    table(
      ['number', 'status', 'scope', 'retry', 'side', 'meaning'],
      Object.entries(statuses as Readonly<Record<string, StatusRow>>).flatMap(([name, row]) =>
        row.number === undefined
          ? []
          : [[hex(row.number, 4), `\`${name}\``, row.scope, row.retry, row.side, row.meaning]],
      ),
    ),
  limits: () =>
    table(
      ['limit', 'default', 'announced', ''],
      felt.map((name) => {
        const { value, unit, meaning } = limitTable[name]
        const size = unit === 'count' ? `${value}` : `${value} ${unit}`
        return [`\`${name}\``, size, announcedBy.get(name) ?? '', meaning]
      }),
    ),
  examples: () => examples.map(({ name, frames }) => exampleText(name, frames)).join('\n\n'),
}

const exampleText = (name: string, frames: readonly Buffer[]): string =>
  [
    `**${name}**`,
    '',
    '```',
    frames.map((bytes) => annotate(bytes).map(lineText).join('\n')).join('\n\n'),
    '```',
  ].join('\n')

type Line = readonly [bytes: string, remark: string]

const lineText = ([bytes, remark]: Line): string =>
  remark === '' ? bytes : `${bytes.padEnd(27)} # ${remark}`

const octets = (bytes: Uint8Array): string =>
  Buffer.from(bytes)
    .toString('hex')
    .replace(/..(?=.)/g, '$& ')

const quoted = (bytes: Buffer): string => `"${bytes.toString()}"`

const names = (of: Readonly<Record<string, number>>, value: number): string =>
  Object.entries(of).find(([, number]) => number === value)?.[0] ?? ''

const commandNumbers = Object.fromEntries(
  Object.entries(commands).map(([name, { number }]) => [name, number]),
)
const fieldTags = Object.fromEntries(Object.entries(fields).map(([name, { tag }]) => [name, tag]))

/** A frame, line by line. */
function annotate(bytes: Buffer): readonly Line[] {
  const read = wire.readFrames(bytes).frames[0] as wire.Frame
  const { type, flags, id, payload } = read
  const head: Line[] = [
    [octets(bytes.subarray(0, 3)), `payload: ${payload.length} bytes`],
    [octets(bytes.subarray(3, 4)), names(frame, type).toUpperCase()],
    [octets(bytes.subarray(4, 5)), flagText(type, flags)],
    [octets(bytes.subarray(5, 9)), `id ${id}`],
  ]
  return [...head, ...payloadLines(read)]
}

function flagText(type: number, flags: number): string {
  const set = Object.entries(flag)
    .filter(([, bit]) => (flags & bit) !== 0)
    .map(([name]) => name.toUpperCase())
  const ofClass = type === frame.request ? [`class ${classNames[(flags >> 4) & 3]}`] : []
  return [...set, ...ofClass].join(', ') || 'no flags'
}

function payloadLines({ type, payload }: wire.Frame): readonly Line[] {
  switch (type) {
    case frame.hello:
    case frame.chunk:
      return [[quoted(payload), '']]
    case frame.request:
      return [
        [octets(payload.subarray(0, 1)), names(commandNumbers, payload[0] as number).toUpperCase()],
        [octets(payload.subarray(1, 2)), `hops ${payload[1]}`],
        [octets(payload.subarray(2, 6)), `reference ${payload.readUInt32BE(2)}`],
        ...blockLines(payload, 6),
      ]
    case frame.response:
      return [
        [octets(payload.subarray(0, 2)), statusName(payload.readUInt16BE(0))],
        ...blockLines(payload, 2),
      ]
    case frame.credit:
      return [
        [octets(payload.subarray(0, 1)), `class ${classNames[payload[0] as number]}`],
        [octets(payload.subarray(1, 5)), `${payload.readUInt32BE(1)} requests`],
        [octets(payload.subarray(5, 9)), `${payload.readUInt32BE(5)} bytes`],
      ]
    case frame.release:
      return [
        [octets(payload.subarray(0, 2)), statusName(payload.readUInt16BE(0))],
        [octets(payload.subarray(2, 6)), retryText(payload.readUInt32BE(2))],
        [octets(payload.subarray(6, 10)), `last ${payload.readUInt32BE(6)}`],
      ]
    default:
      return payload.length === 0 ? [] : [[octets(payload), '']]
  }
}

const retryText = (ms: number): string =>
  ms === 0 ? 'retry time: nothing is said' : `retry time ${ms} ms`

const statusName = (number: number): string =>
  Object.entries(statuses as Readonly<Record<string, StatusRow>>).find(
    ([, row]) => row.number === number,
  )?.[0] ?? ''

/** Length of the fields at `at`, the fields, the body. */
function blockLines(payload: Buffer, at: number): readonly Line[] {
  const length = payload.readUInt16BE(at)
  const bodyAt = at + 2 + length
  const block = payload.subarray(at + 2, bodyAt)
  const lines: Line[] = [[octets(payload.subarray(at, at + 2)), `fields: ${length} bytes`]]
  for (const [tag, value] of wire.readFields(block)) {
    const name = names(fieldTags, tag)
    const head = Buffer.of(tag, value.length >> 8, value.length & 0xff)
    lines.push([octets(head), `${name}, ${value.length} bytes`])
    lines.push([isText(value) ? quoted(value) : octets(value), ''])
  }
  if (bodyAt < payload.length) lines.push([quoted(payload.subarray(bodyAt)), 'body'])
  return lines
}

const isText = (bytes: Buffer): boolean =>
  bytes.length > 4 && bytes.every((byte) => byte >= 0x20 && byte < 0x7f)

/** The page with every table between its markers as it has to be. */
export function fillPage(text: string): string {
  return text.replace(
    /<!-- table (\w+) -->\n[\s\S]*?<!-- end -->/g,
    (_, name: string) => `<!-- table ${name} -->\n\n${tables[name]?.() ?? ''}\n\n<!-- end -->`,
  )
}

if (process.argv[1] === import.meta.filename && process.argv.includes('--write')) {
  writeFileSync(pagePath, fillPage(readFileSync(pagePath, 'utf8')))
}
