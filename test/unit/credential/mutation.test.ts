import fc from 'fast-check'
import { expect, test, vi } from 'vitest'
import { parseKeySet } from '../../../src/credential/key-set.ts'
import { isKid, parseCredentialToken, parseLinkToken } from '../../../src/credential/token.ts'
import { dose } from '../../support/dose.ts'
import { linkToken, type TokenCase, userToken } from '../../support/token-vectors.ts'
import { judge, limits, vectorVerifier } from '../../support/vector-verifier.ts'

// Thousands of cases on a busy machine.
vi.setConfig({ testTimeout: 60_000 })

const row = (kind: TokenCase['kind'], token: Buffer): TokenCase => ({
  name: '',
  kind,
  // `judge` turns it into bytes again; one character a byte keeps them.
  token: token.toString('latin1'),
  proven: true,
  presenter: null,
  expect: 'ok',
})

test.for([
  ['link', linkToken()],
  ['credential', userToken()],
] as const)(
  'any single byte of a %s token changed to any other means refusal',
  async ([kind, text]) => {
    const bench = vectorVerifier()
    const token = Buffer.from(text)
    let tried = 0
    for (let at = 0; at < token.length; at++) {
      for (let step = 1; step < 256; step += at % 29 === 0 ? 1 : dose(37, 97)) {
        const changed = Buffer.from(token)
        changed[at] = ((changed[at] as number) + step) & 0xff
        tried++
        expect(await judge(row(kind, changed), bench), `byte ${at} + ${step}`).not.toBe('ok')
      }
    }
    expect(tried).toBeGreaterThan(dose(5000, 2500))
    expect(await judge(row(kind, token), bench)).toBe('ok')
  },
)

test('a byte taken away, put in or doubled means refusal', async () => {
  const bench = vectorVerifier()
  const token = Buffer.from(userToken())
  for (let at = 0; at <= token.length; at++) {
    const [head, tail] = [token.subarray(0, at), token.subarray(at)]
    const changed = [
      Buffer.concat([head, tail.subarray(1)]),
      Buffer.concat([head, Buffer.from('A'), tail]),
      Buffer.concat([head, tail.subarray(0, 1), tail]),
    ].filter((other) => !other.equals(token))
    for (const other of changed) expect(await judge(row('credential', other), bench)).not.toBe('ok')
  }
})

test('parts of two good tokens do not make a third', async () => {
  const bench = vectorVerifier()
  const one = userToken().split('.')
  const two = userToken({ claims: { sub: 'bob@a.example' } }).split('.')
  const link = linkToken().split('.')
  for (const head of [one, two, link]) {
    for (const body of [one, two, link]) {
      for (const tail of [one, two, link]) {
        const isWhole = head === body && body === tail
        const token = Buffer.from([head[0], body[1], tail[2]].join('.'))
        // The header of `one` and of `two` is the same text.
        const isGood = isWhole || (head[0] === body[0] && body === tail)
        const verdict = await judge(row('credential', token), bench)
        expect(verdict === 'ok').toBe(isGood && body !== link)
      }
    }
  }
})

test('no bytes make the gates throw', () => {
  const text = fc.oneof(
    fc.uint8Array({ maxLength: 300 }),
    fc
      .array(fc.base64String({ maxLength: 60 }), { maxLength: 5 })
      .map((parts) => Buffer.from(parts.join('.'))),
    fc
      .tuple(fc.json({ maxDepth: 3 }), fc.json({ maxDepth: 3 }), fc.uint8Array())
      .map((parts) =>
        Buffer.from(parts.map((part) => Buffer.from(part).toString('base64url')).join('.')),
      ),
    fc.json({ maxDepth: 4 }).map((part) => Buffer.from(part)),
  )
  const context = { domain: 'a.example', now: 0, limits, isForbidden: () => false }
  fc.assert(
    fc.property(text, (bytes) => {
      expect(parseLinkToken(Buffer.from(bytes), limits).ok).toBe(false)
      expect(parseCredentialToken(Buffer.from(bytes), limits, 'credential').ok).toBe(false)
      expect(parseKeySet(Buffer.from(bytes), context).ok).toBe(false)
    }),
    { numRuns: dose(1500, 300) },
  )
})

test('no claims make the gate throw, whatever their types', () => {
  const value = fc.oneof(
    fc.integer(),
    fc.string(),
    fc.boolean(),
    fc.constant(null),
    fc.constant([]),
    fc.constant({ jkt: 1 }),
    fc.constantFrom('a.example', 'im.send', '', ' ', 'AAECAwQFBgcICQoLDA0ODw'),
  )
  const claims = fc.record(
    { iss: value, sub: value, aud: value, iat: value, exp: value, nbf: value, jti: value },
    { requiredKeys: [] },
  )
  const more = fc.record({ scope: value, cnf: value, cb: value }, { requiredKeys: [] })
  fc.assert(
    fc.property(claims, more, (some, others) => {
      const one = { ...some, ...others }
      expect(typeof parseLinkToken(Buffer.from(linkToken({ claims: one })), limits).ok).toBe(
        'boolean',
      )
      expect(
        typeof parseCredentialToken(Buffer.from(userToken({ claims: one })), limits, 'credential')
          .ok,
      ).toBe('boolean')
    }),
    { numRuns: dose(300, 100) },
  )
})

test('A082: a key id is 1 to 64 characters of base64url', () => {
  expect(['a', 'k'.repeat(64), '-_', '__proto__'].every(isKid)).toBe(true)
  expect(['', 'k'.repeat(65), 'a b', 'a\n', 'ä', '../a', "'", 'a.b'].some(isKid)).toBe(false)
})
