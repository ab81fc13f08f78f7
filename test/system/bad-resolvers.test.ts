/** Ways of being a bad resolver, each on real sockets: where others get their answer, so do we, and "don't know" stays that. */
import { createSocket } from 'node:dgram'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { systemClock as clock } from '../../src/lib/clock.ts'
import { Meter } from '../../src/lib/meter.ts'
import { systemRandom as random } from '../../src/lib/random.ts'
import { limitsWith } from '../../src/limits.ts'
import type { DnsServer } from '../../src/resolve/exchange.ts'
import { createLookup } from '../../src/resolve/lookup.ts'
import type { Outcome } from '../../src/resolve/outcome.ts'
import { ServerList } from '../../src/resolve/server-list.ts'
import { systemExchange as exchange } from '../../src/resolve/system-exchange.ts'
import {
  answerTo,
  type Behaviour,
  both,
  framed,
  type HostileDns,
  questionOf,
  silentBehaviour,
  startHostileDns,
} from '../support/hostile-dns.ts'
import { freePort } from '../support/name-servers.ts'

const limits = limitsWith({ dnsTryMs: 60, dnsTotalMs: 500 })
const open = new AbortController().signal

const record = { name: 'b.example', type: 'A', ttl: 60, data: '192.0.2.1' }
const evil = { ...record, data: '192.0.2.66' }
const right = (query: Buffer): Buffer => answerTo(query, [record])
const alias = (name: string, data: string) => ({ name, type: 'CNAME', ttl: 60, data })

/** ARCOUNT: the OPT record stands there alone. */
const hasOpt = (query: Buffer): boolean => query.readUInt16BE(10) === 1
const rcode = (query: Buffer, flags: number): Buffer => answerTo(query, [], { flags })
const badVersion = (query: Buffer): Buffer =>
  answerTo(query, [], {
    additionals: [{ type: 'OPT', name: '.', udpPayloadSize: 1232, extendedRcode: 1, options: [] }],
  })
const headerAlone = (query: Buffer): Buffer => {
  const header = Buffer.from(query.subarray(0, 12))
  header.writeUInt16BE(0x8181, 2)
  return header.fill(0, 4)
}
const garbage = (query: Buffer): Buffer => {
  const message = right(query)
  message.writeUInt16BE(9, 6)
  return message
}
const upperCase = (query: Buffer): Buffer => {
  const message = right(query)
  message.write('B', message.indexOf('b'), 'latin1')
  return message
}

const good = both(right)
/** The same answer to whatever has an OPT record, and the right one without it. */
const notWithOpt = (answer: (query: Buffer) => Buffer | undefined): Behaviour => ({
  ...silentBehaviour,
  udp: (query) => {
    const said = hasOpt(query) ? answer(query) : right(query)
    return said === undefined ? [] : [said]
  },
})
const overUdp = (answers: (query: Buffer) => readonly Buffer[]): Behaviour => ({
  ...silentBehaviour,
  udp: answers,
})
/** The first question is answered when the second is asked, and the second never. */
const oneBehind = (): Behaviour => {
  let answerFirst: (() => void) | undefined
  return {
    ...silentBehaviour,
    udp: (query, _from, send) => {
      if (answerFirst === undefined) answerFirst = () => send(right(query))
      else answerFirst()
      return []
    },
  }
}
/** `times` times the one, then the other. */
const first = (times: number, one: Behaviour, then: Behaviour): Behaviour => {
  let asked = 0
  return {
    tcp: then.tcp,
    udp: (...query) => (asked++ < times ? one : then).udp(...query),
  }
}
const fromAnotherPort = (): Behaviour => ({
  ...silentBehaviour,
  udp: (query, from) => {
    const other = createSocket('udp4')
    other.send(answerTo(query, [evil]), from.port, from.address, () => other.close())
    return []
  },
})
const truncated = (query: Buffer): Buffer => rcode(query, 0x200)
const wrongId = (query: Buffer): Buffer =>
  answerTo(query, [evil], { id: query.readUInt16BE(0) ^ 1 })

type Way = {
  readonly is: string
  readonly behaviour: () => Behaviour
  /** There is a second one, and so it is. */
  readonly beside?: () => Behaviour
  readonly refusesTcp?: boolean
}

const answered: readonly Way[] = [
  { is: 'late: the answer comes after the next try', behaviour: oneBehind },
  {
    is: 'late, and the next server is silent',
    behaviour: lateBy(2),
    beside: () => silentBehaviour,
  },
  {
    is: 'late, and the next server fails',
    behaviour: lateBy(2),
    beside: () => both((query) => rcode(query, 2)),
  },
  { is: 'FORMERR to EDNS', behaviour: () => notWithOpt((query) => rcode(query, 1)) },
  { is: 'FORMERR to EDNS, without the question', behaviour: () => notWithOpt(headerAlone) },
  { is: 'NOTIMP to EDNS', behaviour: () => notWithOpt((query) => rcode(query, 4)) },
  { is: 'SERVFAIL to EDNS', behaviour: () => notWithOpt((query) => rcode(query, 2)) },
  { is: 'REFUSED to EDNS', behaviour: () => notWithOpt((query) => rcode(query, 5)) },
  { is: 'BADVERS to EDNS', behaviour: () => notWithOpt(badVersion) },
  { is: 'silent to EDNS', behaviour: () => notWithOpt(() => undefined) },
  {
    is: 'garbage to EDNS, and deaf to TCP',
    behaviour: () => notWithOpt(garbage),
    refusesTcp: true,
  },
  {
    is: 'SERVFAIL once',
    behaviour: () =>
      first(
        1,
        both((query) => rcode(query, 2)),
        good,
      ),
  },
  { is: 'silent once', behaviour: () => first(1, silentBehaviour, good) },
  { is: 'a wrong id first', behaviour: () => overUdp((query) => [wrongId(query), right(query)]) },
  {
    is: 'nothing in a datagram first',
    behaviour: () => overUdp((query) => [Buffer.alloc(0), right(query)]),
  },
  { is: 'the answer twice', behaviour: () => overUdp((query) => [right(query), right(query)]) },
  { is: 'the question in capitals', behaviour: () => overUdp((query) => [upperCase(query)]) },
  {
    is: 'garbage over UDP alone',
    behaviour: () => ({ udp: (query) => [garbage(query)], tcp: good.tcp }),
  },
  {
    is: 'truncated, whole over TCP',
    behaviour: () => ({ udp: (query) => [truncated(query)], tcp: good.tcp }),
  },
  {
    is: 'truncated, and TCP refused, beside a good one',
    behaviour: () => both(truncated),
    refusesTcp: true,
    beside: () => good,
  },
  {
    is: 'truncated, and TCP silent, beside a good one',
    behaviour: () => overUdp((query) => [truncated(query)]),
    beside: () => good,
  },
  {
    is: 'truncated, and TCP closed, beside a good one',
    behaviour: () => ({ ...both(truncated), tcp: () => 'close' }),
    beside: () => good,
  },
  {
    is: 'truncated, and half an answer over TCP, beside a good one',
    behaviour: () => ({ ...both(truncated), tcp: (query) => framed(right(query)).subarray(0, 20) }),
    beside: () => good,
  },
  { is: 'silent, beside a good one', behaviour: () => silentBehaviour, beside: () => good },
  {
    is: 'lame with REFUSED, beside a good one',
    behaviour: () => both((query) => rcode(query, 5)),
    beside: () => good,
  },
  {
    is: 'lame with a referral, beside a good one',
    behaviour: () =>
      both((query) =>
        answerTo(query, [], {
          authorities: [{ name: 'example', type: 'NS', ttl: 60, data: 'ns.example' }],
        }),
      ),
    beside: () => good,
  },
  {
    is: 'an alias that leads out of the answer',
    behaviour: () =>
      both((query) =>
        questionOf(query).name === 'b.example'
          ? answerTo(query, [alias('b.example', 'c.example')])
          : answerTo(query, [{ ...record, name: 'c.example' }]),
      ),
  },
]

/** Answers after so many tries of somebody. */
function lateBy(tries: number): () => Behaviour {
  return () => ({
    ...silentBehaviour,
    udp: (query, _from, send) => {
      clock.after(tries * limits.dnsTryMs - 20, () => {
        send(right(query))
      })
      return []
    },
  })
}

type Bad = Way & { readonly outcome: Partial<Outcome> }

const notAnswered: readonly Bad[] = [
  {
    is: 'an answer from another port',
    behaviour: fromAnotherPort,
    outcome: { kind: 'failure', failure: 'timeout' },
  },
  {
    is: 'nothing but a wrong id',
    behaviour: () => overUdp((query) => [wrongId(query)]),
    outcome: { kind: 'failure', failure: 'timeout' },
  },
  {
    is: 'silence',
    behaviour: () => silentBehaviour,
    outcome: { kind: 'failure', failure: 'timeout' },
  },
  {
    is: 'garbage',
    behaviour: () => both(garbage),
    outcome: { kind: 'failure', failure: 'malformed' },
  },
  {
    is: 'truncated, and TCP refused',
    behaviour: () => both(truncated),
    refusesTcp: true,
    outcome: { kind: 'failure', failure: 'unreachable' },
  },
  {
    is: 'SERVFAIL',
    behaviour: () => both((query) => rcode(query, 2)),
    outcome: { kind: 'failure', failure: 'servfail' },
  },
  {
    is: 'REFUSED',
    behaviour: () => both((query) => rcode(query, 5)),
    outcome: { kind: 'failure', failure: 'refused' },
  },
  {
    is: 'NOTIMP',
    behaviour: () => both((query) => rcode(query, 4)),
    outcome: { kind: 'failure', failure: 'other-rcode' },
  },
  {
    is: 'an alias to itself by way of another',
    behaviour: () =>
      both((query) =>
        answerTo(query, [alias('b.example', 'c.example'), alias('c.example', 'b.example')]),
      ),
    outcome: { kind: 'failure', failure: 'alias-loop' },
  },
  {
    is: 'an alias for each question',
    behaviour: () =>
      both((query) =>
        answerTo(query, [alias(questionOf(query).name, `x${questionOf(query).name}`)]),
      ),
    outcome: { kind: 'failure', failure: 'too-many-aliases' },
  },
  {
    is: 'nothing, and no error',
    behaviour: () => both((query) => answerTo(query, [])),
    outcome: { kind: 'nodata', failure: 'none' },
  },
  {
    is: 'the address of another name',
    behaviour: () => both((query) => answerTo(query, [{ ...evil, name: 'evil.example' }])),
    outcome: { kind: 'nodata', failure: 'none' },
  },
  {
    is: 'a TTL of more than 2^31',
    behaviour: () => both((query) => answerTo(query, [{ ...record, ttl: 2_147_483_649 }])),
    outcome: { kind: 'records', ttlMs: 0 },
  },
  {
    is: 'a TTL of 2^31',
    behaviour: () => both((query) => answerTo(query, [{ ...record, ttl: 2_147_483_648 }])),
    outcome: { kind: 'records', ttlMs: 0 },
  },
]

describe('a resolver that is', () => {
  let here: HostileDns
  let beside: HostileDns

  beforeEach(async () => {
    here = await startHostileDns()
    beside = await startHostileDns()
  })
  afterEach(async () => {
    await Promise.all([here.close(), beside.close()])
  })

  const lookup = (servers: readonly DnsServer[], meter = new Meter()) =>
    createLookup({
      ...{ exchange, clock, random, limits, meter },
      servers: new ServerList(servers, clock, limits),
    })

  const prepared = async (way: Way) => {
    here.behaviour = way.behaviour()
    if (way.beside !== undefined) beside.behaviour = way.beside()
    if (way.refusesTcp === true) await here.refuseTcp()
    return [here.server, ...(way.beside === undefined ? [] : [beside.server])]
  }

  test.for(answered.map((way) => [way.is, way] as const))(
    '%s: gives its answer',
    async ([, way]) => {
      const servers = await prepared(way)
      expect(await lookup(servers)('b.example', 'A', open)).toMatchObject({
        kind: 'records',
        records: [{ ip: '192.0.2.1' }],
      })
    },
  )

  test.for(notAnswered.map((way) => [way.is, way] as const))(
    '%s: is told as what it is',
    async ([, way]) => {
      const servers = await prepared(way)
      expect(await lookup(servers)('b.example', 'A', open)).toMatchObject(way.outcome)
    },
  )

  test('gone, with an ICMP message that says so: the next one is asked at once, and told at once if it is alone', async () => {
    beside.behaviour = good
    const gone = { ip: '127.0.0.1', port: await freePort() }
    const began = clock.now()
    expect(await lookup([gone, beside.server])('b.example', 'A', open)).toMatchObject({
      kind: 'records',
    })
    expect(await lookup([gone])('b.example', 'A', open)).toMatchObject({ failure: 'unreachable' })
    expect(clock.now() - began).toBeLessThan(limits.dnsTotalMs)
  })

  test('deaf to EDNS: is asked without it at once from then on', async () => {
    here.behaviour = notWithOpt(() => undefined)
    const meter = new Meter()
    const ask = lookup([here.server], meter)
    await ask('b.example', 'A', open)
    const { udp } = here.seen
    await ask('b.example', 'A', open)
    expect([udp, here.seen.udp]).toEqual([2, 3])
    expect(meter.total('dns_queries_total', { outcome: 'timeout' })).toBe(1)
  })
})
