import { describe, expect, test } from 'vitest'
import { conclude } from '../../../src/diagnose/conclude.ts'
import type { Finding, Findings, Ours } from '../../../src/diagnose/diagnosis.ts'
import type { Status } from '../../../src/errors.ts'
import {
  at,
  destinationRow,
  eventRow,
  found,
  linkRow,
  refusedClaim,
  refusedProof,
  running,
} from './support.ts'

const good: Finding = { result: 'ok', sentence: 'im:b.example answers at 192.0.2.7:5279.' }
const shut: Finding = {
  ...{ result: 'remote-unreachable', sentence: 'im:b.example: no address takes a link.' },
}
const unknown: Finding = {
  ...{ result: 'remote-not-found', sentence: 'im:b.example: DNS has no SRV record.' },
}

describe('requests to a domain', () => {
  test('that DNS knows, and of which nothing else is known, get there as far as anybody can say', () => {
    expect(conclude(found())).toMatchObject({
      ...{ result: 'ok', sentence: 'im:b.example has 1 target.', side: 'none', next: '' },
      inbound: null,
    })
  })

  test('that is barred here do not, whatever else is true', () => {
    const rules = { verdict: 'deny', rule: '*.example' } as const
    const told = found({ rules, destinations: [running], links: [linkRow()], connect: good })
    expect(conclude(told)).toMatchObject({
      ...{ result: 'domain-refused', side: 'us' },
      sentence: 'im:b.example is barred by "*.example" in policy.deny.',
      next: 'Our side: policy.default, policy.allow, policy.deny.',
    })
    const byDefault = conclude({ ...told, rules: { verdict: 'deny', rule: null } })
    expect(byDefault.sentence).toBe('im:b.example is barred by policy.default.')
  })

  test('that is not found do not, and the search says why', () => {
    const told = found({ search: unknown, destinations: [destinationRow()] })
    expect(conclude(told)).toMatchObject({ ...unknown, side: 'sender' })
  })

  test('that answered just now, and was never dialled, get there', () => {
    expect(conclude(found({ connect: good }))).toMatchObject({
      ...{ ...good, side: 'none' },
      sentence: `${good.sentence} Whether they take us for our domain was not tried.`,
    })
    expect(conclude(found({ connect: shut }))).toMatchObject({ ...shut, side: 'network' })
  })

  test('with an open link do, also where another could not be made', () => {
    const linked = found({ destinations: [running], links: [linkRow()] })
    expect(conclude(linked)).toMatchObject({
      ...{ result: 'ok', sentence: 'im:b.example: 1 link is open.', next: '' },
    })
    for (const [search, connect, why] of [
      [unknown, null, unknown],
      [good, shut, shut],
    ] as const) {
      const { result, sentence, next } = conclude({ ...linked, search, connect })
      expect(result).toBe('ok')
      expect(sentence).toBe(`im:b.example: 1 link is open. Another one would fail: ${why.sentence}`)
      expect(next).not.toBe('')
    }
  })

  test('only count the links that are open', () => {
    const links = [linkRow(), linkRow({ state: 'draining' }), linkRow({ direction: 'in' })]
    expect(conclude(found({ destinations: [running], links })).sentence).toBe(
      'im:b.example: 2 links are open.',
    )
  })

  test('that the gateway could not dial do not, and it says when it tries again', () => {
    const told = found({ destinations: [destinationRow()], events: [eventRow()] })
    expect(conclude(told)).toMatchObject({
      ...{ result: 'remote-unreachable', side: 'network' },
      sentence:
        'no link from a.example to im:b.example, 60 s ago: 192.0.2.7:5279: connection refused. The next dial may start in 12 s.',
    })
  })

  test('that the gateway could not dial do not, though somebody answers now', () => {
    const told = found({ destinations: [destinationRow()], events: [eventRow()], connect: good })
    const { result, sentence } = conclude(told)
    expect(result).toBe('remote-unreachable')
    expect(sentence).toContain(` ${good.sentence} The next dial may start in 12 s.`)
  })

  test('get there if that was long ago and somebody answers now', () => {
    const destinations = [destinationRow({ state: 'idle', retryInMs: 0 })]
    const told = found({ destinations, events: [eventRow()] })
    expect(conclude({ ...told, connect: good }).result).toBe('ok')
    expect(conclude(told).sentence).toContain('Nothing had to go there since.')
  })

  test('do not get there if our claim was refused, however well somebody answers', () => {
    const row = { cause: 'domain-refused', retryInMs: 0 } as const
    const destinations = [destinationRow({ ...row, state: 'idle' })]
    const told = found({ destinations, events: [eventRow(), refusedClaim], connect: good })
    expect(conclude(told)).toMatchObject({
      ...{ result: 'domain-refused', side: 'peer' },
      sentence: expect.stringMatching(
        /^im:b\.example did not take us for a\.example, 60 s ago\. im:b/,
      ),
      next: 'Their side: their rules bar our domain. Ask their operator to allow it.',
    })
  })

  test('of one of our domains fail where those of another get there', () => {
    const destinations = [running, destinationRow({ local: 'a2.example' })]
    const { result, sentence } = conclude(found({ destinations, links: [linkRow()] }))
    expect(result).toBe('remote-unreachable')
    expect(sentence).toContain('no link from a2.example to im:b.example')
  })

  test('are not judged by what failed for the other service', () => {
    const destinations = [destinationRow({ service: 'pres' })]
    expect(conclude(found({ destinations, connect: good })).result).toBe('ok')
  })

  test('are told of an event only if it is the one that left the destination so', () => {
    const other = { at: at - 1000, detail: 'another one' }
    const events = [
      eventRow(),
      eventRow({ ...other, local: 'a2.example' }),
      eventRow({ ...other, service: 'pres' }),
      eventRow({ ...other, cause: 'dns-failed' }),
      eventRow({ ...other, direction: 'in' }),
      eventRow({ ...other, kind: 'link' }),
    ]
    const { sentence } = conclude(found({ destinations: [destinationRow()], events }))
    expect(sentence).toContain('connection refused')
  })
})

describe('what they say of us now', () => {
  const claim = (result: Status, sentence: string, isAsked = true): Partial<Findings> => ({
    connect: good,
    claim: { ...{ local: 'a.example', isAsked, result, sentence } },
  })
  const ours = (result: Status, sentence: string): Ours => ({
    ...{ domain: 'a.example', steps: [], result, sentence },
  })
  const lost = ours('remote-not-found', 'Others do not find a.example: DNS has no SRV record.')
  const seen = ours('ok', 'Others find a.example at gw.a.example: this gateway answers there.')

  test('counts more than an open link, and than any look-up', () => {
    const told = claim('domain-refused', 'they say: domain rules')
    const linked = { destinations: [running], links: [linkRow()], search: unknown }
    for (const more of [{}, linked]) {
      expect(conclude(found({ ...told, ...more }))).toMatchObject({
        ...{ result: 'domain-refused', side: 'peer' },
        sentence: 'im:b.example does not take us for a.example: they say: domain rules.',
        next: 'Their side: their rules bar our domain. Ask their operator to allow it.',
      })
    }
  })

  test('is told with the link where it is good', () => {
    const told = { ...claim('ok', ''), destinations: [running], links: [linkRow()] }
    expect(conclude(found(told))).toMatchObject({
      ...{ result: 'ok', side: 'none' },
      sentence: 'im:b.example: 1 link is open, and they take us for a.example.',
    })
  })

  test.for(['rates', 'time'])('is nothing where they have no time for it: %s', (why) => {
    const code = why === 'rates' ? 'rate-limited' : 'proof-pending'
    const told = { ...claim(code, ''), destinations: [running], links: [linkRow()] }
    expect(conclude(found(told)).result).toBe('ok')
  })

  test('names our side where they cannot fetch our keys, and others do not find us', () => {
    const told = found({ ...claim('credential-unverifiable', 'they answer so'), ours: lost })
    expect(conclude(told)).toMatchObject({
      ...{ result: 'credential-unverifiable', side: 'us' },
      sentence: `im:b.example does not take us for a.example: they answer so. ${lost.sentence}`,
      next: expect.stringContaining('publish the SRV records of our domain'),
    })
  })

  test('names the way between where others find us', () => {
    const told = found({ ...claim('credential-unverifiable', 'they answer so'), ours: seen })
    expect(conclude(told)).toMatchObject({
      ...{ result: 'credential-unverifiable', side: 'network' },
      sentence: `im:b.example does not take us for a.example: they answer so. ${seen.sentence}`,
      next: expect.stringContaining('a firewall that lets us out and not them in'),
    })
  })

  test('has nothing to do with the way to us where it is about something else', () => {
    const told = found({ ...claim('domain-refused', 'they answer so'), ours: lost })
    expect(conclude(told)).toMatchObject({ side: 'peer', ours: { side: 'us' } })
    expect(conclude(told).sentence).not.toContain(lost.sentence)
  })

  test('leaves the way to us as something to do where messages pass', () => {
    const told = found({ ...claim('ok', ''), ours: lost, destinations: [running] })
    expect(conclude(told)).toMatchObject({
      ...{ result: 'ok' },
      ours: { result: 'remote-not-found', side: 'us', next: expect.stringContaining('SRV') },
    })
  })

  test('of a domain of our own is whether others find it', () => {
    const told = found({ domain: 'a.example', ours: lost })
    expect(conclude(told)).toMatchObject({ result: 'remote-not-found', side: 'us' })
  })
})

describe('who came from a domain', () => {
  test('and was refused is told, with what to do, and changes nothing about requests that go there', () => {
    const { inbound, result } = conclude(found({ events: [refusedProof] }))
    expect(result).toBe('ok')
    expect(inbound).toMatchObject({
      ...{ result: 'credential-unverifiable', side: 'network' },
      sentence:
        'Somebody who says to be b.example was refused 3 times, the last time 60 s ago: no keys of the domain that signed came.',
      next: expect.stringContaining('Their keys cannot be fetched from here'),
    })
  })

  test('and proved itself after that is told instead', () => {
    const proven = eventRow({ kind: 'proof', direction: 'in', cause: 'ok', detail: 'key' })
    expect(conclude(found({ events: [refusedProof, proven] })).inbound).toEqual({
      ...{ result: 'ok', sentence: 'b.example proved itself to us, 60 s ago.' },
      ...{ side: 'none', next: '' },
    })
  })

  test('is nobody where only we dialled', () => {
    const proven = eventRow({ kind: 'proof', cause: 'ok', detail: 'certificate' })
    expect(conclude(found({ events: [proven, refusedClaim] })).inbound).toBe(null)
  })
})
