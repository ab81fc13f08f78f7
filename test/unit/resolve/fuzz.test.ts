import { encode } from 'dns-packet'
import { expect, test } from 'vitest'
import { buildQuery, readAnswer } from '../../../src/resolve/message.ts'
import { isAnswerTo } from '../../../src/resolve/survey.ts'
import { dose } from '../../support/dose.ts'
import { seededRandom } from '../../support/seeded-random.ts'

const rounds = dose(200_000, 20_000)
const stallMs = 10

const question = { name: '_im._mitp.b.example', type: 'SRV' } as const
const query = buildQuery(question, 7, true)

const soa = { mname: 'ns.example', rname: 'root.example', serial: 1, minimum: 60 }
const name = question.name
const answers = [
  encode({
    type: 'response',
    id: 7,
    questions: [question],
    answers: [1, 2, 3].map((i) => ({
      name,
      type: 'SRV',
      ttl: 60,
      data: { priority: i, weight: i, port: 5279, target: `gw${i}.b.example` },
    })),
    additionals: [{ type: 'OPT', name: '.', udpPayloadSize: 1232, options: [] }],
  }),
  encode({
    type: 'response',
    id: 7,
    questions: [question],
    answers: [{ name, type: 'CNAME', ttl: 9, data: 'c.example' }],
    authorities: [{ name: 'example', type: 'SOA', ttl: 60, data: soa }],
  }),
  encode({
    type: 'response',
    id: 7,
    questions: [question],
    answers: [{ name, type: 'AAAA', ttl: 9, data: '2001:db8::1' }],
    authorities: [{ name: 'example', type: 'NS', ttl: 60, data: 'ns.example' }],
    additionals: [
      { name: 'ns.example', type: 'A', ttl: 9, data: '192.0.2.1' },
      { name: 'ns.example', type: 'MX', ttl: 9, data: { preference: 1, exchange: 'mx.example' } },
      { name: 'ns.example', type: 'TXT', ttl: 9, data: ['text'] },
    ],
  }),
]

/** One to six changes: a bit, a byte that means something, a cut, a piece repeated. The id and QR stay. */
function mutated(random: () => number): Buffer {
  const source = answers[Math.floor(random() * answers.length)] as Buffer
  let bytes = Buffer.from(source)
  const telling = [0x00, 0x01, 0x3f, 0x40, 0xc0, 0xff]
  for (let i = 1 + Math.floor(random() * 6); i > 0; i--) {
    const at = 3 + Math.floor(random() * (bytes.length - 3))
    const kind = random()
    if (kind < 0.4) bytes[at] = (bytes[at] ?? 0) ^ (1 << Math.floor(random() * 8))
    else if (kind < 0.85) bytes[at] = telling[Math.floor(random() * telling.length)] ?? 0
    else if (kind < 0.9) bytes = bytes.subarray(0, Math.max(at, 13))
    else bytes = Buffer.concat([bytes.subarray(0, at), bytes.subarray(12, at), bytes.subarray(at)])
    if (bytes.length > 4000) bytes = bytes.subarray(0, 4000)
  }
  return bytes
}

test(`${rounds} damaged answers end in an answer or a fault, none later than ${stallMs} ms`, () => {
  const { number } = seededRandom(42)
  const seen = { stray: 0, fault: 0, answer: 0 }
  for (let i = 0; i < rounds; i++) {
    const bytes = mutated(number)
    let took = timed(bytes, seen)
    // The machine may have been busy elsewhere: what the bytes cause, they cause again.
    for (let again = 0; took >= stallMs && again < 3; again++) {
      took = Math.min(took, timed(bytes, { ...seen }))
    }
    if (took >= stallMs) expect.fail(`${took} ms for ${bytes.toString('hex')}`)
  }
  // Each kind is there in numbers, so the changes are neither all harmless nor all fatal.
  expect(seen.stray).toBeGreaterThan(rounds / 50)
  expect(seen.fault).toBeGreaterThan(rounds / 10)
  expect(seen.answer).toBeGreaterThan(rounds / 50)
}, 60_000)

function timed(bytes: Buffer, seen: { stray: number; fault: number; answer: number }): number {
  const begun = performance.now()
  if (!isAnswerTo(query, bytes)) seen.stray += 1
  else if ('fault' in readAnswer(query, bytes)) seen.fault += 1
  else seen.answer += 1
  return performance.now() - begun
}

test('the largest answer that is read does not stall either', () => {
  // 256 records whose owner and two names are each 255 octets long, by pointers.
  const long = Array.from({ length: 4 }, () => 'a'.repeat(63))
    .join('.')
    .slice(0, 253)
  const head = encode({
    type: 'response',
    id: 7,
    questions: [question],
    answers: [{ name: long, type: 'CNAME', ttl: 1, data: long }],
  })
  const at = buildQuery(question, 7, false).length
  const record = Buffer.from([0xc0, at, 0, 6, 0, 1, 0, 0, 0, 1, 0, 24, 0xc0, at, 0xc0, at])
  const soaRecord = Buffer.concat([record, Buffer.alloc(20)])
  const bytes = Buffer.concat([head, ...Array.from({ length: 255 }, () => soaRecord)])
  bytes.writeUInt16BE(256, 6)
  let best = Number.POSITIVE_INFINITY
  for (let i = 0; i < 5; i++) best = Math.min(best, timed(bytes, { stray: 0, fault: 0, answer: 0 }))
  expect(readAnswer(query, bytes)).toHaveProperty('rcode', 0)
  expect(best).toBeLessThan(50)
})
