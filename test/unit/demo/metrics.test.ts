import { describe, expect, test } from 'vitest'
import { figuresOf } from '../../../src/demo/figures.ts'
import { Heard } from '../../../src/demo/heard.ts'
import { Metrics } from '../../../src/demo/metrics.ts'
import { ManualClock } from '../../support/manual-clock.ts'

const text = `# HELP gatehouse_messages_total Messages.
# TYPE gatehouse_messages_total counter
gatehouse_messages_total{direction="in",result="delivered"} 3
gatehouse_messages_total{result="refused",direction="in"} 2
gatehouse_messages_total{direction="out",result="delivered"} 5
gatehouse_lanes 7
gatehouse_odd{name="a\\"b,c=\\"d"} 1
gatehouse_proofs_total{kind="key"} 1
gatehouse_proofs_total{kind="certificate"} 2
gatehouse_proofs_total{kind="pinned"} 0
gatehouse_credential_checks_total{result="ok"} 1
gatehouse_credential_references_total 9
gatehouse_credential_checks_total{result="credential-issuer"} 4
gatehouse_proof_checks_total{proof="key",result="credential-key"} 1
gatehouse_proof_checks_total{proof="key",result="ok"} 1
gatehouse_checks_refused_total{check="credential"} 2
gatehouse_presence_updates_total{action="shown"} 6
gatehouse_presence_updates_total{action="received"} 6
`

describe('metrics', () => {
  const metrics = new Metrics(text)

  test('are summed over the labels that are not named, in whatever order they stand', () => {
    expect(metrics.sum('messages_total')).toBe(10)
    expect(metrics.sum('messages_total', { direction: 'in' })).toBe(5)
    expect(metrics.sum('messages_total', { direction: 'in', result: 'refused' })).toBe(2)
    expect(metrics.sum('messages_total', {}, { result: 'delivered' })).toBe(2)
    expect(metrics.sum('lanes')).toBe(7)
    expect(metrics.sum('message')).toBe(0)
  })

  test('name the labels that something was counted for', () => {
    expect(metrics.values('proofs_total', 'kind')).toEqual(['certificate', 'key'])
    expect(metrics.values('odd', 'name')).toEqual(['a\\"b,c=\\"d'])
  })

  test('of both gateways make the figures of the demo', () => {
    expect(figuresOf({ a: new Metrics(''), b: metrics })).toEqual({
      messages: { delivered: 3 },
      presence: { received: 6, notified: 6 },
      credential: { verifications: 1, references: 9 },
      forged: { refused: 7 },
      link: { proof: 'certificate+key', proofs: ['certificate', 'key'] },
    })
  })
})

describe('what is heard', () => {
  test('is found whether it came before or comes later, and each thing once', async () => {
    const clock = new ManualClock()
    const heard = new Heard<{ readonly n: number }>(clock)
    const is = (n: number) => (thing: { readonly n: number }) => thing.n === n
    const [passed, first, again] = [{ n: 2 }, { n: 1 }, { n: 1 }]
    heard.hear(passed)
    heard.hear(first)
    expect(await heard.next('one', is(1))).toBe(first)
    const waiting = heard.next('another one', is(1))
    heard.hear({ n: 3 })
    heard.hear(again)
    expect(await waiting).toBe(again)
    expect(clock.pending).toBe(0)
  })

  test('is named when it does not come in time', async () => {
    const clock = new ManualClock()
    const waiting = expect(new Heard<number>(clock).next('a four', (n) => n === 4)).rejects.toThrow(
      'expected a four, and it did not come',
    )
    await clock.advance(20_000)
    await waiting
  })
})
