import { expect, test } from 'vitest'
import { claimOf, oursOf } from '../../../src/diagnose/probed.ts'
import { GatewayError } from '../../../src/errors.ts'
import type { Explanation } from '../../../src/resolve/resolver.ts'

const at = 'gw.a.example (192.0.2.1:5279)'

const found = (via: 'srv' | 'address', told: Partial<Explanation> = {}): Explanation => ({
  ...{ domain: 'a.example', service: 'im', at: 0, steps: [], result: 'ok', sentence: 'found' },
  targets: [
    {
      ...{ host: 'gw.a.example', port: 5279, via, needsKnownKey: false, stale: false },
      addresses: [],
    },
  ],
  ...told,
})

test('what they say is told in their words, and else by its code', () => {
  const said = { isAsked: true, code: 'credential-time', detail: 'they say: 40 s ahead' } as const
  expect(claimOf('a.example', said)).toEqual({
    ...{ local: 'a.example', isAsked: true, result: 'credential-time' },
    sentence: 'they say: 40 s ahead',
  })
  expect(claimOf('a.example', { ...said, detail: 'answer to PROVE' }).sentence).toBe(
    'they answer credential-time',
  )
})

test('others find us where we answer, or one with our keys does', () => {
  expect(oursOf(found('srv'), { at, who: 'us' })).toMatchObject({
    ...{ domain: 'a.example', result: 'ok' },
    sentence: `Others find a.example at ${at}: this gateway answers there.`,
  })
  expect(oursOf(found('srv'), { at, who: 'keys' }).result).toBe('ok')
})

test('who publishes other keys at our address is named', () => {
  const told = oursOf(found('srv'), { at, who: 'other-keys' })
  expect(told).toMatchObject({ result: 'credential-key' })
  expect(told.sentence).toContain(`At ${at} somebody publishes a key set of a.example`)
})

test('a domain without SRV records is told so with what happens at its own addresses', () => {
  const shut = new GatewayError('remote-unreachable', '192.0.2.80:5279: connection refused')
  expect(oursOf(found('address'), shut)).toMatchObject({
    ...{ result: 'remote-unreachable' },
    sentence:
      'Nobody who asks for the keys of a.example gets them from here: 192.0.2.80:5279: connection refused. DNS has no SRV record of it: others go to the addresses of a.example itself.',
  })
  expect(oursOf(found('srv'), shut).sentence).not.toContain('no SRV record')
})

test('what the search found out counts before what a dial met', () => {
  const nowhere = found('srv', { result: 'remote-not-found', sentence: 'nothing.', targets: [] })
  expect(oursOf(nowhere, new GatewayError('remote-untrusted', 'x'))).toMatchObject({
    ...{ result: 'remote-not-found', sentence: 'Others do not find a.example: nothing.' },
  })
})
