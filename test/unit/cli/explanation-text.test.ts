import { expect, test } from 'vitest'
import { explanationText } from '../../../src/cli/explanation-text.ts'
import { widthOf } from '../../../src/cli/table.ts'
import { conclude } from '../../../src/diagnose/conclude.ts'
import type { Findings } from '../../../src/diagnose/diagnosis.ts'
import { at, destinationRow, eventRow, found, linkRow, refusedProof } from '../diagnose/support.ts'

const alone = found({
  by: { who: 'command', why: 'As --offline wants it' },
  steps: [
    {
      phase: 'srv',
      asked: '_im._mitp.b.example SRV',
      server: '192.0.2.53:53',
      source: 'network',
      answer: '0 0 5279 gw.b.example',
      ageMs: 1234,
      leftMs: 3_599_000,
      decision: 'use',
      reason: 'The SRV records name the hosts of the service.',
    },
    {
      phase: 'target',
      asked: 'gw.b.example:5279',
      server: null,
      source: 'rule',
      answer: '192.0.2.7:5279',
      ageMs: null,
      leftMs: null,
      decision: 'use',
      reason: 'Target 1 in the order to try.',
    },
  ],
})

const textOf = (told: Findings, width = 300, isTerminal = false) =>
  explanationText(screen(isTerminal, width), conclude(told))

const screen = (out: boolean, columns: number) => ({
  env: { NO_COLOR: '1' },
  terminal: { in: false, out, err: false },
  columns,
})

test('each step is a row with server, answer, age, time to live, decision and reason', () => {
  const [, , head = '', first = '', second = ''] = textOf(alone).split('\n')
  expect(head).toMatch(/^STEP +ASKED +SERVER +ANSWER +AGE +TTL +DECISION +WHY$/)
  expect(first).toMatch(
    /^1 srv +_im\._mitp\.b\.example SRV +192\.0\.2\.53:53 +0 0 5279 gw\.b\.example +1\.2 s +3599 s +use +The SRV/,
  )
  expect(second).toMatch(
    /^2 target +gw\.b\.example:5279 +rule +192\.0\.2\.7:5279 +- +- +use +Target 1/,
  )
  expect(first.indexOf('use')).toBe(second.indexOf('use'))
})

test('the command alone says so first, and has nothing but the search', () => {
  const text = textOf(alone)
  expect(text).toMatch(
    /^As --offline wants it: explained by this command itself, with empty caches\.\n\nSTEP/,
  )
  expect(text.endsWith('\n\nok: im:b.example has 1 target.\n')).toBe(true)
  expect(text).not.toMatch(/LINK|DESTINATION|EVENT|Rules|Keys/)
})

test('of the running gateway it tells links, destinations and events, too', () => {
  const lines = textOf(
    found({
      ...{ isKnown: true, steps: alone.steps, rules: { verdict: 'allow', rule: '*.example' } },
      destinations: [destinationRow(), destinationRow({ service: 'pres', retryInMs: 0 })],
      links: [linkRow()],
      events: [eventRow(), refusedProof, eventRow({ kind: 'proof', cause: 'ok', side: 'none' })],
    }),
  ).split('\n')
  const has = (pattern: RegExp) => expect(lines).toContainEqual(expect.stringMatching(pattern))
  expect(lines[0]).toBe(
    'As the running gateway sees it: gatehouse/0.1.0, process 4711, up for 2 h.',
  )
  has(/^Rules: allow, by \*\.example\.$/)
  has(/^Keys of the domain: held: answers of DNS that have run out may serve\.$/)
  has(/^out, open +a\.example +certificate\+key +61 s +192\.0\.2\.7:5279 +gatehouse\/0\.1\.0$/)
  has(/^im +a\.example +backing-off +0 +in 12 s +remote-unreachable$/)
  has(/^pres +a\.example +backing-off +0 +- +remote-unreachable$/)
  has(/^dial for im +out +a\.example +remote-unreachable +network +3 +60 s +192.*refused$/)
  has(
    /^they were refused +in +- +credential-unverifiable +network +3 +60 s +no keys of the domain that signed came$/,
  )
  has(/^they proved +out +a\.example +ok +none +3 +60 s/)
  has(/^remote-unreachable: no link from a\.example to im:b\.example, 60 s ago: .* in 12 s\.$/)
  has(/^The other way: Somebody who says to be b\.example was refused 3 times/)
})

test('on a terminal that is too narrow the reasons stand on lines of their own', () => {
  const wide = textOf(alone, 300, true)
  const narrow = textOf(alone, 120, true)
  expect(wide).toBe(textOf(alone, 80))
  expect(narrow).toContain('\n    The SRV records name the hosts of the service.\n2 target')
  expect(narrow.split('\n').every((line) => widthOf(line) <= 120)).toBe(true)
})

test('a failure says whose side it is', () => {
  const failed = { ...alone, search: { result: 'address-blocked', sentence: 'no.' } } as const
  expect(textOf(failed)).toMatch(
    /\naddress-blocked: no\.\nA peer in your own network: .*resolve\.allowRanges/,
  )
})

test('what somebody else wrote cannot move the cursor', () => {
  const bad = 'x\u001b[2Jy'
  const text = textOf(
    found({
      links: [linkRow({ software: bad })],
      destinations: [destinationRow()],
      events: [eventRow({ detail: bad }), eventRow({ ...refusedProof, detail: bad, at })],
    }),
  )
  expect(text).not.toContain('\u001b')
  expect(text.split('x\\u001b[2Jy')).toHaveLength(6)
})
