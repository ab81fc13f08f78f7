import { expect, test } from 'vitest'
import { tryTargets } from '../../../src/cli/try-targets.ts'
import { GatewayError, type Status } from '../../../src/errors.ts'
import type { Explanation } from '../../../src/resolve/resolver.ts'
import type { Target } from '../../../src/resolve/target.ts'

const target = (...ips: readonly string[]): Target => ({
  ...{ host: 'gw.b.example', port: 5279, via: 'srv', needsKnownKey: false, stale: false },
  addresses: ips.map((ip) => ({ ip, family: 4 })),
})

const found = (targets: readonly Target[], result: Status = 'ok'): Explanation => ({
  ...{ domain: 'b.example', service: 'im', at: 0, steps: [], targets, result },
  sentence: 'found',
})

/** Addresses that are not named here answer well. */
const visitTo = (faults: Readonly<Record<string, Status>>) => {
  const visited: string[] = []
  const visit = async (ip: string, port: number): Promise<string> => {
    visited.push(ip)
    const fault = faults[ip]
    if (fault !== undefined) throw new GatewayError(fault, `${ip}:${port}: connection refused`)
    return 'with a certificate'
  }
  return { visited, visit }
}

test('somebody who answers is the end of it', async () => {
  const { visited, visit } = visitTo({ '192.0.2.1': 'link-refused' })
  const given = found([target('192.0.2.1', '192.0.2.2'), target('192.0.2.3')])
  const { result, sentence, steps } = await tryTargets(given, visit, 16)
  expect([result, sentence]).toEqual(['ok', 'im:b.example answers at 192.0.2.2:5279.'])
  expect(visited).toEqual(['192.0.2.1', '192.0.2.2'])
  expect(steps.map(({ phase, asked, answer, reason }) => [phase, asked, answer, reason])).toEqual([
    ['connect', '192.0.2.1:5279', 'link-refused', 'No link: connection refused.'],
    ['connect', '192.0.2.2:5279', 'ok', 'Somebody answers: with a certificate.'],
  ])
})

test('the next target is tried where the one before failed entirely', async () => {
  const { visited, visit } = visitTo({ '192.0.2.1': 'link-refused' })
  await tryTargets(found([target('192.0.2.1'), target('192.0.2.2')]), visit, 16)
  expect(visited).toEqual(['192.0.2.1', '192.0.2.2'])
})

test.for([
  ['an address was shut', 'link-refused', 'remote-unreachable'],
  ['somebody was there each time', 'tls-failed', 'remote-untrusted'],
] as const)('the result says whose side it is: %s', async ([, fault, expected]) => {
  const { visit } = visitTo({ '192.0.2.1': fault, '192.0.2.2': 'identity-mismatch' })
  const { result } = await tryTargets(found([target('192.0.2.1', '192.0.2.2')]), visit, 16)
  expect(result).toBe(expected)
})

test('no more addresses are tried than a gateway would', async () => {
  const { visited, visit } = visitTo({ '192.0.2.1': 'link-refused', '192.0.2.2': 'link-refused' })
  const given = found([target('192.0.2.1'), target('192.0.2.2', '192.0.2.3')])
  const { result } = await tryTargets(given, visit, 2)
  expect(visited).toEqual(['192.0.2.1', '192.0.2.2'])
  expect(result).toBe('remote-unreachable')
})

test('nobody is visited where nothing was found', async () => {
  const { visited, visit } = visitTo({})
  const given = found([target('192.0.2.1')], 'dns-failed')
  expect(await tryTargets(given, visit, 16)).toBe(given)
  expect(visited).toEqual([])
})
