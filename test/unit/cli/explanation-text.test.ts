import { expect, test } from 'vitest'
import { explanationText } from '../../../src/cli/explanation-text.ts'
import { widthOf } from '../../../src/cli/table.ts'
import type { Explanation } from '../../../src/resolve/resolver.ts'

const explanation: Explanation = {
  domain: 'b.example',
  service: 'im',
  at: 0,
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
  targets: [],
  result: 'ok',
  sentence: 'im:b.example has 1 target.',
}

const screen = (out: boolean, columns: number) => ({
  env: { NO_COLOR: '1' },
  terminal: { in: false, out, err: false },
  columns,
})

test('each step is a row with server, answer, age, time to live, decision and reason', () => {
  const text = explanationText(screen(false, 80), explanation)
  const [head = '', first = '', second = ''] = text.split('\n')
  expect(head).toMatch(/^STEP +ASKED +SERVER +ANSWER +AGE +TTL +DECISION +WHY$/)
  expect(first).toMatch(
    /^1 srv +_im\._mitp\.b\.example SRV +192\.0\.2\.53:53 +0 0 5279 gw\.b\.example +1\.2 s +3599 s +use +The SRV/,
  )
  expect(second).toMatch(
    /^2 target +gw\.b\.example:5279 +rule +192\.0\.2\.7:5279 +- +- +use +Target 1/,
  )
  expect(first.indexOf('use')).toBe(second.indexOf('use'))
  expect(text.endsWith('\nok: im:b.example has 1 target.\n')).toBe(true)
})

test('on a terminal that is too narrow the reasons stand on lines of their own', () => {
  const wide = explanationText(screen(true, 300), explanation)
  const narrow = explanationText(screen(true, 120), explanation)
  expect(wide).toBe(explanationText(screen(false, 80), explanation))
  expect(narrow).toContain('\n    The SRV records name the hosts of the service.\n2 target')
  expect(narrow.split('\n').every((line) => widthOf(line) <= 120)).toBe(true)
})

test('a failure says whose side it is', () => {
  const failed = { ...explanation, result: 'address-blocked', sentence: 'no.' } as const
  expect(explanationText(screen(false, 80), failed)).toMatch(
    /\naddress-blocked: no\.\nA peer in your own network: .*resolve\.allowRanges/,
  )
})
