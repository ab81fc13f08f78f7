import { expect, test } from 'vitest'
import { adviceOn, type Stage, sideOf } from '../../../src/diagnose/advice.ts'
import { isSuccess, type Status, statuses } from '../../../src/errors.ts'

const all = Object.keys(statuses) as Status[]
const stages: readonly Stage[] = [
  ...['rules', 'search', 'connect', 'ours', 'dial', 'proof', 'claim', 'link'],
] as Stage[]

test.for(stages)('%s: whatever goes wrong, there is something to do next', (stage) => {
  const bad = all.filter((cause) => !isSuccess(cause))
  expect(bad.filter((cause) => adviceOn(stage, cause) === '')).toEqual([])
  expect(all.filter(isSuccess).filter((cause) => adviceOn(stage, cause) !== '')).toEqual([])
})

test('who made a claim and who judged it change places with the direction', () => {
  expect(sideOf('proof', 'credential-key')).toBe('peer')
  expect(sideOf('claim', 'credential-key')).toBe('us')
  expect(sideOf('proof', 'internal')).toBe('us')
  expect(sideOf('claim', 'internal')).toBe('peer')
  expect(sideOf('claim', 'credential-unverifiable')).toBe('network')
})

test('rules are on the side of those who made them', () => {
  expect(sideOf('rules', 'domain-refused')).toBe('us')
  expect(sideOf('proof', 'domain-refused')).toBe('us')
  expect(sideOf('claim', 'domain-refused')).toBe('peer')
})

test('the rest is as the table of statuses says', () => {
  expect(sideOf('search', 'remote-not-found')).toBe('sender')
  expect(sideOf('dial', 'remote-untrusted')).toBe('peer')
})
