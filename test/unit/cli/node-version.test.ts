import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { isTooOld, tooOld } from '../../../src/cli/node-version.ts'

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

test('an old Node is told which one is expected, which was found, and where one is', () => {
  expect(tooOld('>=24.17', '20.20.2', '/usr/bin/node')).toBe(
    'expected Node >=24.17, found 20.20.2 in /usr/bin/node: https://nodejs.org has it, and "npm install --global node@24" brings it, too',
  )
})

test('npm says nothing of an older Node that it runs on itself', () => {
  const file = new URL('../../../.npmrc', import.meta.url)
  expect(readFileSync(file, 'utf8')).toMatch(/^loglevel=error$/m)
})

test('the package file says what is wanted in the form that is understood', () => {
  const file = new URL('../../../package.json', import.meta.url)
  const { engines } = JSON.parse(readFileSync(file, 'utf8')) as { engines: { node: string } }
  expect(engines.node).toMatch(/^>=\d+(\.\d+)*$/)
  expect(isTooOld('0.0.1', engines.node)).toBe(true)
})
