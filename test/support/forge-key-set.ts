/** Makes any key set, good or bad, with nothing of the code under test. */
import { sign } from 'node:crypto'
import { b64, type ForgeKey, forgeKey } from './forge.ts'

export const day = 86_400

/** A key that nobody published: not among those of the vectors. */
export const someKey = (name: string): ForgeKey => forgeKey(`gatehouse tests: ${name}`)

export const entryOf = (key: ForgeKey, now: number, change: object = {}): object => ({
  kid: key.kid,
  kty: 'OKP',
  crv: 'Ed25519',
  x: key.x,
  use: 'both',
  nbf: now - day,
  naf: now + 30 * day,
  ...change,
})

export type SetChange = {
  readonly now: number
  readonly domain?: string
  readonly ver?: unknown
  readonly keys?: readonly ForgeKey[]
  readonly entries?: unknown
  readonly signers?: readonly ForgeKey[]
  readonly change?: object
}

/** Signed by `signers`, which are the keys themselves unless said otherwise. */
export function forgeKeySet(what: SetChange): Buffer {
  const { now, keys = [someKey('one')], change = {} } = what
  const { domain = 'a.example', ver = 1, signers = keys } = what
  const entries = what.entries ?? keys.map((key) => entryOf(key, now))
  const set = { domain, ver, iat: now, exp: now + 7 * day, keys: entries, revoked: [], ...change }
  return sealKeySet(JSON.stringify(set), signers)
}

export function sealKeySet(text: string, signers: readonly ForgeKey[]): Buffer {
  const set = b64(text)
  const signatures = signers.map((key) => ({ kid: key.kid, sig: b64(signSet(set, key)) }))
  return Buffer.from(JSON.stringify({ set, signatures }))
}

export const signSet = (set: string, { kid, privateKey }: ForgeKey): Buffer => {
  const header = b64(`{"alg":"Ed25519","typ":"pitp-keys+jws","kid":"${kid}"}`)
  return sign(null, Buffer.from(`${header}.${set}`), privateKey)
}
