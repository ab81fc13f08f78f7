import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { isTooOld } from '../../../src/cli/node-version.ts'

test.for([
  ['20.20.2', true],
  ['24.16.9', true],
  ['24.17.0', false],
  ['24.9.0', true],
  ['24.21.0', false],
  ['25.0.0', false],
] as const)('of Node %s and a wish for 24.17: too old is %s', ([found, expected]) => {
  expect(isTooOld(found, '>=24.17')).toBe(expected)
})

test('the package file says what is wanted in the form that is understood', () => {
  const file = new URL('../../../package.json', import.meta.url)
  const { engines } = JSON.parse(readFileSync(file, 'utf8')) as { engines: { node: string } }
  expect(engines.node).toMatch(/^>=\d+(\.\d+)*$/)
  expect(isTooOld('0.0.1', engines.node)).toBe(true)
})
