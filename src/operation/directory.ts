/** Who the users of a domain are, and which keys are theirs. */
import type { Address } from '../address/address.ts'

/** What a directory tells of a user. */
export type Entry = {
  /** Base64url public keys; none: credentials of the domain decide who attaches. */
  readonly keys: readonly string[]
}

/** What is known of whoever a request is for. Whoever is not there is an owner who refuses everything. */
export type Owner = Entry & { readonly isUser: boolean }

/** May take its time, and may fail: then nothing is known of anybody. */
export interface Directory {
  /** Nothing: there is no such user. Rejects if it cannot say. */
  find(user: Address): Promise<Entry | undefined>
}

/**
 * `listed`: its possession is enough to attach. `none-listed`: no key of the user is; credentials of the domain decide.
 * `not-listed`: others are; no credential stands for it, or a lost device would stay in for ever.
 */
export type KeyStanding = 'listed' | 'not-listed' | 'none-listed'

export function standingOfKey({ keys }: Entry, key: string): KeyStanding {
  if (keys.length === 0) return 'none-listed'
  return keys.includes(key) ? 'listed' : 'not-listed'
}
