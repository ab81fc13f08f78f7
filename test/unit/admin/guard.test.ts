import { describe, expect, test } from 'vitest'
import { createGuard } from '../../../src/admin/guard.ts'

const local = createGuard({ address: '127.0.0.1', token: null })
const remote = createGuard({ address: '::', token: 't'.repeat(32) })

describe('on loopback', () => {
  test.for([
    'localhost',
    'localhost:9279',
    'LOCALHOST:9279',
    '127.0.0.1:9279',
    '127.1.2.3',
    '[::1]:8080',
  ])('a request to %s is ours', (host) => {
    expect(local.foreign({ host })).toBeUndefined()
  })

  test.for([
    '',
    'evil.example',
    'evil.example:9279',
    'localhost.evil.example',
    '127.0.0.1.evil.example',
    '192.0.2.1:9279',
    '[::2]:9279',
    'localhost:9279@evil.example',
    'localhost:999999',
  ])('a request to "%s" is of a page that was rebound', (host) => {
    expect(local.foreign({ host })).toBe(403)
  })

  test('a page of another origin is refused, and so is one of none', () => {
    const host = '127.0.0.1:9279'
    expect(local.foreign({ host, origin: 'http://127.0.0.1:9279' })).toBeUndefined()
    expect(local.foreign({ host, origin: 'https://evil.example' })).toBe(403)
    expect(local.foreign({ host, origin: 'http://127.0.0.1:8000' })).toBe(403)
    expect(local.foreign({ host, origin: 'null' })).toBe(403)
    expect(local.embedded({ 'sec-fetch-site': 'cross-site' })).toBe(403)
    expect(local.embedded({ 'sec-fetch-site': 'same-site' })).toBe(403)
    expect(local.embedded({ 'sec-fetch-site': 'same-origin' })).toBeUndefined()
    expect(local.embedded({})).toBeUndefined()
  })

  test('nobody needs a token when there is none', () => {
    expect(local.unknown({})).toBeUndefined()
  })
})

describe('off loopback', () => {
  test('any name may lead here, since the token stands between', () => {
    expect(remote.foreign({ host: 'gatehouse.cluster:9279' })).toBeUndefined()
    expect(remote.foreign({ host: 'gw.example', origin: 'http://gw.example' })).toBeUndefined()
    expect(remote.foreign({ host: 'gw.example', origin: 'http://evil.example' })).toBe(403)
  })

  test('only the whole token opens', () => {
    const token = 't'.repeat(32)
    expect(remote.unknown({ authorization: `Bearer ${token}` })).toBeUndefined()
    for (const authorization of ['', 'Bearer ', token, `Bearer ${token}t`, `Basic ${token}`]) {
      expect(remote.unknown({ authorization })).toBe(401)
    }
  })
})
