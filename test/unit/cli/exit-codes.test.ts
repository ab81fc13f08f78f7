import { expect, test } from 'vitest'
import { type ExitName, exitCodes, exitCodesText, exitOf } from '../../../src/cli/exit-codes.ts'
import { type Status, statuses } from '../../../src/errors.ts'

test('no two outcomes share an exit code', () => {
  const numbers = Object.values(exitCodes).map(({ number }) => number)
  expect(new Set(numbers).size).toBe(numbers.length)
  expect(numbers.every((number) => number >= 0 && number < 256)).toBe(true)
})

const cases: readonly (readonly [Status, ExitName])[] = [
  ['delivered', 'ok'],
  ['stored', 'ok'],
  ['queued', 'ok'],
  ['ok', 'ok'],
  ['unknown-outcome', 'unknown'],
  ['rate-limited', 'temporary'],
  ['dns-failed', 'temporary'],
  ['link-refused', 'temporary'],
  ['refused', 'permanent'],
  ['remote-not-found', 'permanent'],
  ['credential-expired', 'permanent'],
  ['usage', 'usage'],
  ['bad-address', 'data'],
  ['config-invalid', 'config'],
  ['certificate-unusable', 'config'],
  ['file-unreadable', 'input'],
  ['port-unavailable', 'port'],
]

test.for(cases)('the status %s ends a command as %s', ([status, name]) => {
  expect(exitOf(status)).toBe(name)
})

test('no failure of the table ends with 0', () => {
  const failures = (Object.keys(statuses) as Status[]).filter(
    (status) => statuses[status].scope !== 'answer' || status === 'unknown-outcome',
  )
  expect(failures.filter((status) => exitOf(status) === 'ok')).toEqual([])
})

test('the help lists every exit code with its meaning', () => {
  for (const { number, meaning } of Object.values(exitCodes)) {
    expect(exitCodesText()).toContain(`${number}  ${meaning}`)
  }
})
