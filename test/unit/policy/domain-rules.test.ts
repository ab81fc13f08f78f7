import { expect, test } from 'vitest'
import type { Domain } from '../../../src/address/domain.ts'
import { DomainRules } from '../../../src/policy/domain-rules.ts'

const rules = {
  default: 'allow',
  allow: ['good.bad.example', '*.fine.bad.example'],
  deny: ['*.bad.example', 'good.bad.example.test'],
} as const

const of = (name: string) => new DomainRules(rules).ruling(name as Domain)

test.for([
  ['good.bad.example', 'allow', 'good.bad.example'],
  ['x.bad.example', 'deny', '*.bad.example'],
  ['x.y.bad.example', 'deny', '*.bad.example'],
  ['x.fine.bad.example', 'allow', '*.fine.bad.example'],
  ['bad.example', 'allow', undefined],
  ['b.example', 'allow', undefined],
] as const)('%s: %s, by the rule that fits most exactly', ([domain, verdict, rule]) => {
  expect(of(domain)).toEqual({ verdict, rule })
  expect(new DomainRules(rules).mayTalk(domain as Domain)).toBe(verdict === 'allow')
})

test('where both lists name a domain it is denied', () => {
  const both = new DomainRules({ default: 'allow', allow: ['b.example'], deny: ['b.example'] })
  expect(both.ruling('b.example' as Domain)).toEqual({ verdict: 'deny', rule: 'b.example' })
})

test('other rules hold at once', () => {
  const changed = new DomainRules(rules)
  expect(changed.mayTalk('b.example' as Domain)).toBe(true)
  changed.replace({ default: 'deny', allow: [], deny: [] })
  expect(changed.mayTalk('b.example' as Domain)).toBe(false)
  expect(changed.ruling('b.example' as Domain)).toEqual({ verdict: 'deny', rule: undefined })
})
