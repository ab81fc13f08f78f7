import { describe, expect, test } from 'vitest'
import { endpointOf } from '../../../src/cli/endpoint-option.ts'
import { wholeOf } from '../../../src/cli/number-option.ts'

describe('a host and a port', () => {
  test.for([
    ['192.0.2.1:53', '192.0.2.1', 53],
    ['192.0.2.1', '192.0.2.1', 5280],
    ['gw.a.example:99', 'gw.a.example', 99],
    ['2001:db8::1', '2001:db8::1', 5280],
    ['[2001:db8::1]:99', '2001:db8::1', 99],
  ] as const)('are read from %s', ([text, host, port]) => {
    expect(endpointOf(text, '--gateway', 5280)).toEqual({ host, port })
  })

  test.for(['', ':99', 'a:0', 'a:65536', 'a:b', '[gw]:5', '2001:db8::1:x:y'])(
    'are not read from "%s", and the option is named',
    (text) => {
      expect(() => endpointOf(text, '--gateway', 5280)).toThrow(
        `expected host:port behind --gateway, found "${text}"`,
      )
    },
  )
})

describe('a number', () => {
  test('is read between its bounds, or is not there', () => {
    expect(wholeOf('1', '--count', 1, 9)).toBe(1)
    expect(wholeOf('9', '--count', 1, 9)).toBe(9)
    expect(wholeOf(undefined, '--count', 1, 9)).toBe(undefined)
  })

  test.for(['0', '10', '1.5', '-1', '', '1e1', 'x'])('is not read from "%s"', (text) => {
    expect(() => wholeOf(text, '--count', 1, 9)).toThrow(
      `expected a whole number from 1 to 9 behind --count, found "${text}"`,
    )
  })
})
