/**
 * An address, from text and from the bytes of a frame.
 *
 * In:    `user@domain` as a person writes it, or its bytes as a peer sends them.
 * Out:   the pair (user, domain), canonical: two addresses are the same if their `text` is.
 * Fails: nothing for what a stranger sent; `bad-address`, with what was expected and what was found, for a person.
 * Spec:  draft §5.4.2; RFC 8265 for the user, IDNA2008 for the domain.
 *
 * Text is made canonical here, once, at the door. A peer did that at its own door: bytes that are not canonical are
 * refused, never repaired, so that no two spellings of an address are ever on the way.
 */

import { isUtf8 } from 'node:buffer'
import { type Domain, judgeDomain, maxDomainBytes } from './domain.ts'
import { isRefusal, orNothing, orThrow, quote, type Refusal, refusal } from './refusal.ts'
import { judgeUser, maxUserBytes } from './user.ts'

/** The pair (User, Domain) of the draft §5.4.2, canonical. `text` is `user@domain`. Made by the functions here only. */
export type Address = {
  readonly user: string
  readonly domain: Domain
  readonly text: string
}

/** Which of the two services an address is used with (RFC 3859, RFC 3860). */
export type Service = 'im' | 'pres'

export const maxAddressBytes = maxUserBytes + 1 + maxDomainBytes

/** Of text that a person wrote. */
export const parseAddress = (text: string): Address => orThrow(judgeAddress(text))

/** Of text that a stranger sent. */
export const readAddress = (text: string): Address | undefined => orNothing(judgeAddress(text))

/** `user` is prepared here, `domain` is canonical by its type. */
export const makeAddress = (user: string, domain: Domain): Address =>
  orThrow(joinAddress(user, domain))

/** The address in `bytes[start..end)`, which must be its canonical form to the byte. */
export function addressFromBytes(bytes: Buffer, start: number, end: number): Address | undefined {
  const at = plainAt(bytes, start, end)
  if (at < 0) return orNothing(judgeAddressBytes(bytes.subarray(start, end)))
  const text = bytes.toString('latin1', start, end)
  const domain = text.slice(at - start + 1) as Domain
  return { user: text.slice(0, at - start), domain, text }
}

/** The long way, which says why. */
export function judgeAddressBytes(bytes: Buffer): Address | Refusal {
  if (bytes.length > maxAddressBytes) {
    return refusal(`at most ${maxAddressBytes} bytes of address`, `${bytes.length}`)
  }
  // `toString` would make one and the same U+FFFD of different bytes.
  if (!isUtf8(bytes)) return refusal('UTF-8', 'bytes that are none')
  const text = bytes.toString()
  const address = judgeAddress(text)
  if (isRefusal(address) || address.text === text) return address
  return refusal(`the canonical form ${quote(address.text)}`, quote(text))
}

export function judgeAddress(text: string): Address | Refusal {
  const at = text.indexOf('@')
  if (at < 0) return refusal('user@domain', `no "@" in ${quote(text)}`)
  if (text.includes('@', at + 1)) return refusal('one "@"', `more in ${quote(text)}`)
  const domain = judgeDomain(text.slice(at + 1))
  return isRefusal(domain) ? domain : joinAddress(text.slice(0, at), domain)
}

export function joinAddress(user: string, domain: Domain): Address | Refusal {
  const prepared = judgeUser(user)
  if (isRefusal(prepared)) return prepared
  return { user: prepared, domain, text: `${prepared}@${domain}` }
}

const inUser = 1
const inLabel = 2
const letter = 4
const hyphen = 0x2d
const dot = 0x2e

/** What a byte may be part of, if the address is to need neither PRECIS nor IDNA. */
const kinds = Uint8Array.from({ length: 256 }, (_, byte) => {
  const character = String.fromCharCode(byte)
  if (/[a-z]/.test(character)) return inUser | inLabel | letter
  if (/[0-9]/.test(character)) return inUser | inLabel
  return /[.!#$%*+=?^_`{|}~-]/.test(character) ? inUser : 0
})

/** Where the `@` stands in an address that is plainly canonical; -1 if that takes a closer look. */
function plainAt(bytes: Buffer, start: number, end: number): number {
  let at = start
  while (at < end && (kindOf(bytes, at) & inUser) !== 0) at++
  if (at === start || at - start > maxUserBytes || bytes[at] !== 0x40) return -1
  return isPlainDomain(bytes, at + 1, end) ? at : -1
}

/** Lower-case labels, two or more, no two hyphens side by side, the last beginning with a letter. */
function isPlainDomain(bytes: Buffer, start: number, end: number): boolean {
  if (end - start > maxDomainBytes) return false
  let label = start
  for (let i = start; i < end; i++) {
    if ((kindOf(bytes, i) & inLabel) !== 0) continue
    // A dot or a hyphen stands after a letter or digit (before `start` is the `@`), and never at the end.
    if (i + 1 === end || (kindOf(bytes, i - 1) & inLabel) === 0) return false
    if (bytes[i] === dot) {
      if (i - label > 63) return false
      label = i + 1
    } else if (bytes[i] !== hyphen) return false
  }
  return label > start && end - label <= 63 && (kindOf(bytes, label) & letter) !== 0
}

const kindOf = (bytes: Buffer, index: number): number => kinds[bytes[index] as number] as number
