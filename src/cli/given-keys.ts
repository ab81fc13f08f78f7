/**
 * Keys as somebody hands them over: a key set, a public key, or whatever `keys show` and `keys generate` print.
 *
 * In:    the text of a file.
 * Out:   the public keys in it, and the texts of its key sets.
 * Fails: never; a text may hold neither.
 */
import { importPublicKey, type PublicKey } from '../credential/ed25519.ts'

export type GivenKeys = { readonly bare: readonly PublicKey[]; readonly sets: readonly string[] }

type Shown = {
  /** The public side of one key. */
  readonly publicKey?: unknown
  /** What `keys show --json` prints of a configuration. */
  readonly domains?: readonly { readonly keySet: unknown }[]
  /** A key set itself. */
  readonly set?: unknown
}

/** Of words that look like a key, such as the id of one, those count whose id is asked for. */
export function givenKeys(text: string): GivenKeys {
  const whole = objectIn(text)
  const values = (whole === undefined ? text.split('\n').map(objectIn) : [whole]).filter(
    (value) => value !== undefined,
  )
  const words = [...text.split(/\s+/), ...values.map(({ publicKey }) => String(publicKey))]
  const sets = values.flatMap(
    (value) => value.domains?.map(({ keySet }) => keySet) ?? ('set' in value ? [value] : []),
  )
  return {
    bare: words.map(importPublicKey).filter((key) => key !== undefined),
    sets: sets.map((set) => JSON.stringify(set)),
  }
}

/** An object of JSON. */
function objectIn(text: string): Shown | undefined {
  try {
    const value = JSON.parse(text) as unknown
    return typeof value === 'object' && value !== null ? value : undefined
  } catch {
    return undefined
  }
}
