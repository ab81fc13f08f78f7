import { expect, test } from 'vitest'
import { answerFrom } from '../../../src/resolve/zone.ts'
import { zoneRecords } from '../../support/zone-text.ts'

const zone = zoneRecords(`
example 300 SOA 60
b.example 60 SOA 30
b.example 60 A 192.0.2.1
_im._mitp.b.example 60 SRV 0 0 5279 gw.b.example
www.b.example 60 CNAME b.example
round.example 60 CNAME trip.example
trip.example 60 CNAME round.example
`)

test.for([
  ['records of a name', 'B.example', 'A', 0, ['A'], undefined],
  ['an alias and what it leads to', 'www.b.example', 'A', 0, ['CNAME', 'A'], undefined],
  ['no such record, with the nearest SOA', 'b.example', 'AAAA', 0, [], 'b.example'],
  [
    'no such record for a name that only has names below it',
    '_mitp.b.example',
    'A',
    0,
    [],
    'b.example',
  ],
  ['no such name, with the nearest SOA', 'x.b.example', 'A', 3, [], 'b.example'],
  ['no such name in the zone above', 'x.example', 'A', 3, [], 'example'],
  ['nothing about other zones', 'b.test', 'A', 5, [], undefined],
  ['a circle of aliases once', 'round.example', 'A', 0, ['CNAME', 'CNAME'], 'example'],
] as const)('the demonstration zone gives %s', ([, name, type, rcode, types, soa]) => {
  const answer = answerFrom(zone, name, type)
  expect(answer.rcode).toBe(rcode)
  expect(answer.answers.map((record) => record.type)).toEqual(types)
  expect(answer.soa?.name).toBe(soa)
})
