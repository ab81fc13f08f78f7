/** Who the users of a domain are, and which keys are theirs: a list, or anybody with a credential of the domain. */
import type { Address } from '../../address/address.ts'

export type Directory =
  | { readonly kind: 'any' }
  /** User part to base64url public keys. */
  | { readonly kind: 'static'; readonly users: ReadonlyMap<string, readonly string[]> }

export const exists = (directory: Directory, user: Address): boolean =>
  directory.kind === 'any' || directory.users.has(user.user)

/**
 * `listed`: its possession is enough to attach. `none-listed`: no key of the user is; credentials of the domain decide.
 * `not-listed`: others are; no credential stands for it, or a lost device would stay in for ever.
 */
export type KeyStanding = 'listed' | 'not-listed' | 'none-listed'

/** `undefined`: there is no such user. */
export function standingOfKey(
  directory: Directory,
  user: Address,
  key: string,
): KeyStanding | undefined {
  if (directory.kind === 'any') return 'none-listed'
  const keys = directory.users.get(user.user)
  if (keys === undefined) return undefined
  if (keys.length === 0) return 'none-listed'
  return keys.includes(key) ? 'listed' : 'not-listed'
}
