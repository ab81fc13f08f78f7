/** What every DNS exchange does: run against the table in `unit`, against sockets and real servers in `system`. */
import { describe, expect, test } from 'vitest'
import type { DnsExchange, DnsServer, Transport } from '../../src/resolve/exchange.ts'
import { buildQuery, type Question, readAnswer } from '../../src/resolve/message.ts'
import { isAnswerTo } from '../../src/resolve/survey.ts'

/** Serves at least this; `silent.example` is never answered. */
export const contractZone = `
example 300 SOA 60
small.example 300 A 192.0.2.1
small.example 300 AAAA 2001:db8::1
_im._mitp.small.example 300 SRV 1 2 5279 gw.small.example
${Array.from({ length: 80 }, (_, i) => `_im._mitp.large.example 60 SRV ${i} 0 5279 gw${i}.a-rather-long-name.large.example`).join('\n')}
`

export type Exchange = { readonly exchange: DnsExchange; readonly server: DnsServer }

export function exchangeContract(name: string, open: () => Exchange): undefined {
  const ask = async (question: Question, transport: Transport) => {
    const { exchange, server } = open()
    const query = buildQuery(question, 4711, true)
    const heard = await exchange({
      server,
      transport,
      query,
      isAnswer: (bytes) => isAnswerTo(query, bytes),
      signal: AbortSignal.timeout(2000),
    })
    return heard.bytes === undefined ? heard.silence : readAnswer(query, heard.bytes)
  }

  /** A cache may have had it for a moment. */
  const aMinute = expect.closeTo(60, -1)

  describe(`the exchange ${name}`, () => {
    test.for(['udp', 'tcp'] as const)('brings the records of a name over %s', async (transport) => {
      const answer = await ask({ name: '_im._mitp.small.example', type: 'SRV' }, transport)
      expect(answer).toMatchObject({
        rcode: 0,
        records: [{ type: 'SRV', priority: 1, weight: 2, port: 5279, target: 'gw.small.example' }],
      })
    })

    test.for(['udp', 'tcp'] as const)(
      'brings "no such name" with its time over %s',
      async (transport) => {
        const answer = await ask({ name: 'nobody.example', type: 'A' }, transport)
        expect(answer).toMatchObject({ rcode: 3, records: [], negativeTtl: aMinute })
      },
    )

    test('brings "no such record" with its time', async () => {
      const answer = await ask({ name: 'small.example', type: 'SRV' }, 'udp')
      expect(answer).toMatchObject({ rcode: 0, records: [], negativeTtl: aMinute })
    })

    test('says over UDP that an answer is too large, and brings it over TCP', async () => {
      const question: Question = { name: '_im._mitp.large.example', type: 'SRV' }
      expect(await ask(question, 'udp')).toMatchObject({ truncated: true })
      const whole = await ask(question, 'tcp')
      expect(whole).toMatchObject({ truncated: false })
      expect(typeof whole === 'object' && 'records' in whole && whole.records).toHaveLength(80)
    })

    test('brings IPv6 addresses', async () => {
      const answer = await ask({ name: 'small.example', type: 'AAAA' }, 'udp')
      expect(answer).toMatchObject({ records: [{ type: 'AAAA', ip: '2001:db8::1' }] })
    })

    test('ends at once when nobody waits any more', async () => {
      const { exchange, server } = open()
      const query = buildQuery({ name: 'small.example', type: 'A' }, 1, false)
      const signal = AbortSignal.abort()
      const asked = { server, query, isAnswer: () => true, signal }
      for (const transport of ['udp', 'tcp'] as const) {
        expect((await exchange({ ...asked, transport })).silence).toBe('cancelled')
      }
    })
  })
}
