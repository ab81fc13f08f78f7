import { expect, test } from 'vitest'
import { importPublicKey } from '../../../src/credential/ed25519.ts'
import { isPublishedTestKey } from '../../../src/credential/known-keys.ts'
import { tokenCases, vectorKeys, writeTokenVectors } from '../../support/token-vectors.ts'
import { judge, usersOf } from '../../support/vector-verifier.ts'

test.for(tokenCases.map((one) => [one.kind, one.name, one.expect, one] as const))(
  '[LINK-10.3-4] %s: %s: %s',
  async ([, , expected, one]) => {
    expect(await judge(one)).toBe(expected)
  },
)

test.for(tokenCases.flatMap((one) => (one.users === undefined ? [] : [[one.name, one] as const])))(
  '[LINK-10.4-1] several users: %s: each who is canonical stands for itself',
  async ([, one]) => {
    expect(await usersOf(one)).toEqual(one.users)
  },
)

test('the file of vectors holds these cases', async () => {
  await expect(writeTokenVectors()).toMatchFileSnapshot('../../vectors/tokens.json')
})

test('A104: the keys of the vectors may not speak for a domain', () => {
  for (const { x } of Object.values(vectorKeys)) {
    const key = importPublicKey(x)
    expect(key && isPublishedTestKey(key), x).toBe(true)
  }
})
