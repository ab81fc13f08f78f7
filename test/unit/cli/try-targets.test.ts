import { expect, test } from 'vitest'
import { tryTargets } from '../../../src/cli/try-targets.ts'
import { GatewayError, type Status } from '../../../src/errors.ts'

const found = (...targets: readonly (readonly string[])[]) => ({
  ...{ domain: 'b.example', service: 'im' as const },
  targets: targets.map((addresses) => ({ addresses, port: 5279 })),
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
  const given = found(['192.0.2.1', '192.0.2.2'], ['192.0.2.3'])
  const { connect, steps } = await tryTargets(given, visit, 16)
  expect(connect).toEqual({ result: 'ok', sentence: 'im:b.example answers at 192.0.2.2:5279.' })
  expect(visited).toEqual(['192.0.2.1', '192.0.2.2'])
  expect(steps.map(({ phase, asked, answer, reason }) => [phase, asked, answer, reason])).toEqual([
    ['connect', '192.0.2.1:5279', 'link-refused', 'No link: connection refused.'],
    ['connect', '192.0.2.2:5279', 'ok', 'Somebody answers: with a certificate.'],
  ])
})

test('the next target is tried where the one before failed entirely', async () => {
  const { visited, visit } = visitTo({ '192.0.2.1': 'link-refused' })
  await tryTargets(found(['192.0.2.1'], ['192.0.2.2']), visit, 16)
  expect(visited).toEqual(['192.0.2.1', '192.0.2.2'])
})

test.for([
  ['an address was shut', 'link-refused', 'remote-unreachable'],
  ['somebody was there each time', 'tls-failed', 'remote-untrusted'],
] as const)('the result says whose side it is: %s', async ([, fault, expected]) => {
  const { visit } = visitTo({ '192.0.2.1': fault, '192.0.2.2': 'identity-mismatch' })
  const { connect } = await tryTargets(found(['192.0.2.1', '192.0.2.2']), visit, 16)
  expect(connect.result).toBe(expected)
})

test('no more addresses are tried than a gateway would', async () => {
  const { visited, visit } = visitTo({ '192.0.2.1': 'link-refused', '192.0.2.2': 'link-refused' })
  const given = found(['192.0.2.1'], ['192.0.2.2', '192.0.2.3'])
  const { connect } = await tryTargets(given, visit, 2)
  expect(visited).toEqual(['192.0.2.1', '192.0.2.2'])
  expect(connect.result).toBe('remote-unreachable')
})
