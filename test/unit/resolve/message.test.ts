import { decode, encode, type WireRecord } from 'dns-packet'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { type Answer, buildQuery, readAnswer } from '../../../src/resolve/message.ts'
import { isAnswerTo, survey } from '../../../src/resolve/survey.ts'
import { dose } from '../../support/dose.ts'

const question = { name: '_im._mitp.b.example', type: 'SRV' } as const
const query = buildQuery(question, 0x1234, true)

type Sections = {
  readonly answers?: readonly WireRecord[]
  readonly authorities?: readonly WireRecord[]
  readonly additionals?: readonly WireRecord[]
  readonly flags?: number
}

const answerBytes = (sections: Sections): Buffer =>
  encode({ type: 'response', id: 0x1234, questions: [question], ...sections })

const srv = (target: string, name: string = question.name): WireRecord => ({
  name,
  type: 'SRV',
  ttl: 60,
  data: { priority: 1, weight: 2, port: 5279, target },
})

/** The bytes of one record; the name is a pointer to the question. */
const rawRecord = (type: number, data: Buffer, owner = Buffer.from([0xc0, 12])): Buffer => {
  const head = Buffer.alloc(10)
  head.writeUInt16BE(type, 0)
  head.writeUInt16BE(1, 2)
  head.writeUInt32BE(60, 4)
  head.writeUInt16BE(data.length, 8)
  return Buffer.concat([owner, head, data])
}

/** An answer made of raw records. */
const rawAnswer = (...records: readonly Buffer[]): Buffer => {
  const head = Buffer.from(buildQuery(question, 0x1234, false))
  head.writeUInt16BE(0x8180, 2)
  head.writeUInt16BE(records.length, 6)
  return Buffer.concat([head, ...records])
}

const read = (bytes: Buffer): Answer => {
  const answer = readAnswer(query, bytes)
  if ('fault' in answer) throw new Error(answer.fault)
  return answer
}

describe('a query', () => {
  test('asks one question, with RD and AD, and says how much fits a datagram (RFC 9619)', () => {
    const message = decode(query)
    expect(message.questions).toEqual([{ ...question, class: 'IN' }])
    expect(query.readUInt16BE(0)).toBe(0x1234)
    expect(query.readUInt16BE(2)).toBe(0x0120)
    expect(message.additionals).toMatchObject([{ type: 'OPT', udpPayloadSize: 1232 }])
  })

  test('has no OPT record for a server that does not know it', () => {
    expect(decode(buildQuery(question, 1, false)).additionals).toEqual([])
  })
})

describe('a message answers the query [A109]', () => {
  const good = answerBytes({ answers: [srv('gw.b.example')] })
  const changed = (change: (bytes: Buffer) => void): Buffer => {
    const bytes = Buffer.from(good)
    change(bytes)
    return bytes
  }

  test('if id and question are the same', () => {
    expect(isAnswerTo(query, good)).toBe(true)
  })

  test('if only the case of the letters differs', () => {
    expect(
      isAnswerTo(
        query,
        changed((bytes) => bytes.write('_iM', 13, 'latin1')),
      ),
    ).toBe(true)
  })

  test('if it is a bare FORMERR, as servers older than EDNS send', () => {
    const bare = changed((bytes) => bytes.writeUInt16BE(0x8181, 2)).subarray(0, 12)
    const header = Buffer.from(bare)
    header.fill(0, 4)
    expect(isAnswerTo(query, header)).toBe(true)
    expect(readAnswer(query, header)).toMatchObject({ rcode: 1, records: [] })
    header.writeUInt16BE(0x8183, 2)
    expect(isAnswerTo(query, header)).toBe(false)
  })

  const strays: readonly (readonly [string, Buffer])[] = [
    ['the id differs', changed((bytes) => bytes.writeUInt16BE(0x1235, 0))],
    ['QR is 0: it is our own query coming back', changed((bytes) => (bytes[2] = 0x01))],
    ['it is not an ordinary query', changed((bytes) => (bytes[2] = 0xa8))],
    ['another name was asked', changed((bytes) => bytes.write('_xm', 13, 'latin1'))],
    ['another type was asked', changed((bytes) => bytes.writeUInt16BE(1, 33))],
    ['another class was asked', changed((bytes) => bytes.writeUInt16BE(3, 35))],
    ['it holds no question', changed((bytes) => bytes.writeUInt16BE(0, 4))],
    ['it holds two questions', changed((bytes) => bytes.writeUInt16BE(2, 4))],
    ['it is cut inside the question', good.subarray(0, 30)],
    ['it is shorter than a header', good.subarray(0, 11)],
    ['it is empty', Buffer.alloc(0)],
  ]
  test.for(strays)('but not if %s', ([, bytes]) => {
    expect(isAnswerTo(query, bytes)).toBe(false)
  })
})

describe('an answer', () => {
  test('gives SRV records with their TTL', () => {
    expect(read(answerBytes({ answers: [srv('GW.b.Example')] })).records).toEqual([
      {
        type: 'SRV',
        owner: question.name,
        ttl: 60,
        priority: 1,
        weight: 2,
        port: 5279,
        target: 'gw.b.example',
      },
    ])
  })

  test('gives the root as "."', () => {
    expect(read(answerBytes({ answers: [srv('.')] })).records).toMatchObject([{ target: '.' }])
  })

  test('gives the time of "no" as the lower of TTL and MINIMUM (RFC 2308 §5)', () => {
    const soa = (ttl: number, minimum: number): WireRecord => ({
      name: 'example',
      type: 'SOA',
      ttl,
      data: { mname: 'ns.example', rname: 'a\\.b.example', serial: 1, minimum },
    })
    expect(read(answerBytes({ authorities: [soa(30, 90)] })).negativeTtl).toBe(30)
    expect(read(answerBytes({ authorities: [soa(900, 90)] })).negativeTtl).toBe(90)
    expect(read(answerBytes({})).negativeTtl).toBeUndefined()
  })

  test('with a TTL that is negative as a number of 32 bits says that it lives no time (RFC 2181 §8)', () => {
    const ttl = 2 ** 31 + 1
    expect(read(answerBytes({ answers: [{ ...srv('gw.b.example'), ttl }] })).records).toMatchObject(
      [{ ttl: 0 }],
    )
    const data = { mname: 'ns.example', rname: 'a\\.b.example', serial: 1, minimum: ttl }
    const soa: WireRecord = { name: 'example', type: 'SOA', ttl, data }
    expect(read(answerBytes({ authorities: [soa] })).negativeTtl).toBe(0)
  })

  test('that points to other servers is no "no"', () => {
    const ns: WireRecord = { name: 'b.example', type: 'NS', ttl: 60, data: 'ns.b.example' }
    expect(read(answerBytes({ authorities: [ns] })).isReferral).toBe(true)
    expect(read(answerBytes({ authorities: [ns], flags: 0x0400 })).isReferral).toBe(false)
  })

  test('tells whether a resolver has validated it', () => {
    expect(read(answerBytes({ flags: 0x20 })).authentic).toBe(true)
    expect(read(answerBytes({})).authentic).toBe(false)
  })

  test('cut short anywhere is told as truncated, not read', () => {
    const cut = answerBytes({ answers: [srv('gw.b.example')], flags: 0x0200 }).subarray(0, 50)
    expect(read(cut)).toMatchObject({ truncated: true, records: [] })
  })

  test('keeps the SRV record whose target has a dot inside a label, as no other name', () => {
    const odd = Buffer.concat([
      Buffer.from([0, 1, 0, 2, 0x14, 0x9f, 6]),
      Buffer.from('we.ird\x01b\x00', 'latin1'),
    ])
    const fine = Buffer.concat([
      Buffer.from([0, 1, 0, 2, 0x14, 0x9f, 2]),
      Buffer.from('gw\x01b\x00', 'latin1'),
    ])
    const answer = read(rawAnswer(rawRecord(33, odd), rawRecord(33, fine)))
    expect(answer.records).toMatchObject([{ target: 'we\\.ird.b' }, { target: 'gw.b' }])
  })

  test('leaves out records of another class', () => {
    const record = rawRecord(1, Buffer.from([192, 0, 2, 1]))
    record.writeUInt16BE(3, 4)
    expect(read(rawAnswer(record)).records).toEqual([])
  })

  test('holds types that nobody asked for without harm', () => {
    const unknown = rawRecord(65_280, Buffer.from('whatever'))
    expect(read(rawAnswer(unknown)).records).toEqual([])
  })
})

describe('a message is malformed [A110] if', () => {
  const name = (...bytes: readonly number[]) => Buffer.from(bytes)
  const long = Buffer.concat([
    ...Array(4).fill(Buffer.concat([name(63), Buffer.alloc(63, 97)])),
    name(0),
  ])
  const self = 12 + 25 // the first record begins here
  const broken: readonly (readonly [string, Buffer])[] = [
    ['a pointer points to itself', rawAnswer(rawRecord(1, Buffer.alloc(4), name(0xc0, self)))],
    ['a pointer points forward', rawAnswer(rawRecord(1, Buffer.alloc(4), name(0xc0, self + 4)))],
    ['a pointer points into the header', rawAnswer(rawRecord(1, Buffer.alloc(4), name(0xc0, 4)))],
    ['a label has a reserved length', rawAnswer(rawRecord(1, Buffer.alloc(4), name(0x40, 97, 0)))],
    ['a name is longer than 255', rawAnswer(rawRecord(5, long))],
    [
      'an owner has a dot inside a label',
      rawAnswer(rawRecord(1, Buffer.alloc(4), name(3, 97, 46, 98, 0))),
    ],
    ['an alias has a dot inside a label', rawAnswer(rawRecord(5, name(3, 97, 46, 98, 0)))],
    ['an IPv4 address has three bytes', rawAnswer(rawRecord(1, Buffer.alloc(3)))],
    ['an IPv6 address has four bytes', rawAnswer(rawRecord(28, Buffer.alloc(4)))],
    [
      'a target ends before its record does',
      rawAnswer(rawRecord(33, Buffer.from([0, 0, 0, 0, 0, 1, 0, 9]))),
    ],
    [
      'a target ends after its record does',
      rawAnswer(rawRecord(33, Buffer.from([0, 0, 0, 0, 0, 1, 5]))),
    ],
    ['a record is cut', rawAnswer(rawRecord(1, Buffer.alloc(4))).subarray(0, -1)],
    ['bytes follow the last record', Buffer.concat([rawAnswer(), Buffer.alloc(1)])],
    ['it is longer than any answer', Buffer.concat([rawAnswer(), Buffer.alloc(17_000)])],
  ]
  test.for(broken)('%s', ([, bytes]) => {
    expect(isAnswerTo(query, bytes)).toBe(true)
    expect(readAnswer(query, bytes)).toHaveProperty('fault')
  })

  test('its counts cannot be true, seen at once [A111]', () => {
    const bomb = rawAnswer()
    for (const at of [6, 8, 10]) bomb.writeUInt16BE(0xffff, at)
    expect(survey(bomb)).toEqual({ fault: 'counts' })
    const begun = performance.now()
    for (let i = 0; i < 1000; i++) readAnswer(query, bomb)
    expect(performance.now() - begun).toBeLessThan(1000)
  })

  test('it has more than 256 records; 256 are read', () => {
    const records = Array.from({ length: 257 }, () => rawRecord(1, Buffer.from([192, 0, 2, 1])))
    expect(read(rawAnswer(...records.slice(1))).records).toHaveLength(256)
    expect(readAnswer(query, rawAnswer(...records))).toEqual({ fault: 'counts' })
  })

  test('a name needs more than 16 pointers; 16 are followed', () => {
    // Each record's owner is one label and a pointer to the owner before it.
    const chain = (length: number): Buffer => {
      const records: Buffer[] = []
      let at = self
      let before = 12
      for (let i = 0; i < length; i++) {
        const record = rawRecord(1, Buffer.alloc(4), Buffer.from([1, 97, 0xc0, before]))
        records.push(record)
        before = at
        at += record.length
        if (at > 255) break
      }
      return rawAnswer(...records)
    }
    expect(survey(chain(8))).not.toHaveProperty('fault')
    const hops = (count: number): Buffer => {
      // A ladder of pointers inside the data of an unknown type, and an owner that climbs down it.
      const ladder = Buffer.concat(
        Array.from({ length: count }, (_, i) =>
          Buffer.from([0xc0, i === 0 ? 12 : self + 12 + 2 * (i - 1)]),
        ),
      )
      const last = Buffer.from([0xc0, self + 12 + 2 * (count - 1)])
      return rawAnswer(rawRecord(65_280, ladder), rawRecord(1, Buffer.alloc(4), last))
    }
    expect(survey(hops(15))).not.toHaveProperty('fault')
    expect(survey(hops(16))).toEqual({ fault: 'owner' })
  })
})

describe('beside another codec', () => {
  const label = fc.stringMatching(/^[a-z0-9]([a-z0-9-]{0,10}[a-z0-9])?$/)
  const host = fc.array(label, { minLength: 1, maxLength: 5 }).map((labels) => labels.join('.'))
  const ttl = fc.nat(2 ** 31 - 2)
  const port = fc.nat(65_535)
  const record: fc.Arbitrary<WireRecord> = fc.oneof(
    fc.record({ name: host, type: fc.constant('A'), ttl, data: fc.ipV4() }),
    fc.record({ name: host, type: fc.constant('CNAME'), ttl, data: host }),
    fc.record({
      name: host,
      type: fc.constant('SRV'),
      ttl,
      data: fc.record({ priority: port, weight: port, port, target: host }),
    }),
    fc.record({ name: host, type: fc.constant('AAAA'), ttl, data: fc.ipV6() }),
  )

  test('every answer reads the same', () => {
    fc.assert(
      fc.property(fc.array(record, { maxLength: 12 }), (answers) => {
        const bytes = answerBytes({ answers })
        const theirs = decode(bytes).answers ?? []
        const ours = read(bytes).records
        expect(ours).toHaveLength(theirs.length)
        ours.forEach((one, i) => {
          const other = theirs[i] as WireRecord
          expect([one.type, one.owner, one.ttl]).toEqual([other.type, other.name, other.ttl])
          if (one.type === 'CNAME') expect(one.target).toBe(other.data)
          else if (one.type === 'SRV') expect(one).toMatchObject(other.data as object)
          else expect(sameIp(one.ip, String(other.data))).toBe(true)
        })
      }),
      { numRuns: dose(300, 100) },
    )
  })
})

/** The two codecs write IPv6 addresses differently. */
const sameIp = (a: string, b: string): boolean =>
  a.includes(':') ? new URL(`http://[${a}]`).host === new URL(`http://[${b}]`).host : a === b
