/** How `docs/conformance.md` names a test, and what that name is worth: `test/support/conformance-page.ts`. */
import { describe, expect, test } from 'vitest'
import { faultOf, readPage, testsIn, unpassed } from '../support/conformance-page.ts'

describe('the name of a test', () => {
  const source = `
describe('a group', () => {
  test('that runs', () => undefined)
  test.for([
    ['a', 1],
  ])('of %s', () => undefined)
  test.skip('that is skipped', () => undefined)
  test(
    \`in \${what} quotes\`,
    () => undefined,
  )
  test('twice', () => undefined)
})
describe.skipIf(isAway)('elsewhere', () => {
  test('that may not run', () => undefined)
  test('twice', () => undefined)
})
test('[on top], "quoted" and don\\'t', () => undefined)
test.each(cases)('[each] $name', () => undefined)
// test('in a comment', () => undefined)
`
  const cited = (text: string) => {
    const line = `| D1 | – | – | yes | x.ts | ${text} | – |`
    const [row] = readPage(line).draft
    return row?.tests[0] as NonNullable<typeof row>['tests'][number]
  }

  test('is found with its groups, as it is written', () => {
    expect(testsIn(source).map(({ path }) => path.join(' › '))).toEqual([
      'a group › that runs',
      'a group › of %s',
      'a group › that is skipped',
      `a group › in \${what} quotes`,
      'a group › twice',
      'elsewhere › that may not run',
      'elsewhere › twice',
      '[on top], "quoted" and don\'t',
      '[each] $name',
    ])
  })

  test.for([
    ['x › that runs', undefined],
    ['x › a group › that runs', undefined],
    ['x › of %s', undefined],
    ['x › [each] $name', undefined],
    ['x › elsewhere › that runs', 'not there'],
    ['x › that run', 'not there'],
    ['x › a group', 'not there'],
    ['x › in a comment', 'not there'],
    ['x › twice', 'there are 2'],
    ['x › a group › twice', undefined],
    ['x › that is skipped', 'may not run'],
    ['x › that may not run', 'may not run'],
    ['x', 'names no test'],
  ] as const)('%s: %s', ([text, fault]) => {
    expect(faultOf(cited(text), source)).toBe(fault === undefined ? undefined : `${text}: ${fault}`)
  })

  const result = (title: string, status = 'passed', ancestorTitles = ['a group']) => ({
    ancestorTitles,
    title,
    status,
  })
  const report = {
    testResults: [
      {
        name: '/somewhere/test/unit/x.test.ts',
        assertionResults: [
          result('that runs'),
          result('of a'),
          result('of b', 'failed'),
          result('left out', 'skipped'),
          result('[each] one', 'passed', []),
          result('costs 5.0 (a+b)'),
        ],
      },
    ],
  }

  test.for([
    ['unit/x › that runs', []],
    ['unit/x › a group › that runs', []],
    ['unit/x › [each] $name', []],
    ['unit/x › costs %s (a+b)', []],
    [`unit/x › costs \${n}.0 ($names)`, []],
    ['unit/x › of %s', ['did not pass']],
    ['unit/x › left out', ['did not pass']],
    ['unit/x › another group › that runs', ['did not run']],
    ['unit/x › that', ['did not run']],
    ['unit/y › that runs', ['did not run']],
    ['system/x › that runs', []],
  ] as const)('in a report: %s: %j', ([text, faults]) => {
    const line = `| D1 | – | – | yes | x.ts | ${text} | – |`
    expect(unpassed(readPage(line), report, ['unit', 'pair'])).toEqual(
      faults.map((fault) => `D1: ${text}: ${fault}`),
    )
  })
})
