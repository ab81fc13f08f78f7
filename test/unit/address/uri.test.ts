import { describe, expect, test } from 'vitest'
import { parseAddress } from '../../../src/address/address.ts'
import { formatUri, parseUri } from '../../../src/address/uri.ts'

describe('parseUri', () => {
  test('lets the scheme decide about the service', () => {
    expect(parseUri('pres:alice@a.example', 'im').service).toBe('pres')
    expect(parseUri('IM:alice@a.example', 'pres').service).toBe('im')
  })

  test('takes the service from its surroundings without a scheme', () => {
    expect(parseUri('alice@a.example', 'pres').service).toBe('pres')
  })

  test('leaves percent signs of an address without a scheme alone', () => {
    expect(parseUri('a%40b@a.example', 'im').address.user).toBe('a%40b')
  })

  test('names a scheme that it does not know', () => {
    expect(() => parseUri('XMPP:alice@a.example', 'im')).toThrow(
      'expected the scheme im or pres, found the scheme xmpp in "XMPP:alice@a.example"',
    )
  })

  test('tells the form that it wants instead of the one with two slashes', () => {
    expect(() => parseUri('pres://a.example/alice', 'im')).toThrow('expected pres:user@domain')
  })
})

describe('formatUri', () => {
  test('encodes whatever a URI gives a meaning of its own', () => {
    const address = parseAddress('a?b#c%d[e]é@bücher.example')
    expect(formatUri('im', address)).toBe('im:a%3Fb%23c%25d%5Be%5D%C3%A9@xn--bcher-kva.example')
  })

  test('leaves a tag readable', () => {
    expect(formatUri('pres', parseAddress('alice+tag@a.example'))).toBe('pres:alice+tag@a.example')
  })
})
