/** Who the users of a domain are, and which keys are theirs: a list, or anybody with a credential of the domain. */
import type { Address } from '../../address/address.ts'

export type Directory =
  | { readonly kind: 'any' }
  /** User part to base64url public keys. */
  | { readonly kind: 'static'; readonly users: ReadonlyMap<string, readonly string[]> }

export const exists = (directory: Directory, user: Address): boolean =>
  directory.kind === 'any' || directory.users.has(user.user)

/** Whether possession of `key` is enough to attach as `user`; `undefined`: there is no such user. */
export function isListedKey(directory: Directory, user: Address, key: string): boolean | undefined {
  if (directory.kind === 'any') return false
  return directory.users.get(user.user)?.includes(key)
}
