import { expect, test } from 'vitest'
import { parseDomain } from '../../../src/address/domain.ts'
import { dnsRecords, zoneText } from '../../../src/config/records.ts'

const publication = {
  domain: parseDomain('a.example'),
  host: 'gw.a.example',
  port: 5279,
  addresses: ['192.0.2.1', '2001:db8::1'],
  services: ['im', 'pres'],
  ttlSeconds: 3600,
} as const

test('both services and the addresses of the host are published (RFC 3861 §3)', () => {
  expect(zoneText(dnsRecords(publication))).toBe(
    [
      '_im._mitp.a.example.   3600 IN SRV  0 0 5279 gw.a.example.',
      '_pres._pitp.a.example. 3600 IN SRV  0 0 5279 gw.a.example.',
      'gw.a.example.          3600 IN A    192.0.2.1',
      'gw.a.example.          3600 IN AAAA 2001:db8::1',
      '',
    ].join('\n'),
  )
})

test('a service that is not offered is published as such (RFC 2782, "Target")', () => {
  expect(dnsRecords({ ...publication, services: ['im'], addresses: [] })).toEqual([
    { name: '_im._mitp.a.example.', ttlSeconds: 3600, type: 'SRV', data: '0 0 5279 gw.a.example.' },
    { name: '_pres._pitp.a.example.', ttlSeconds: 3600, type: 'SRV', data: '0 0 0 .' },
  ])
})
