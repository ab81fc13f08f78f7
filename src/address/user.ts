/**
 * The user part of an address, in its one canonical form.
 *
 * In:    what a person, a file or a peer wrote.
 * Out:   UsernameCaseMapped; the same string again if it goes in again. Two user parts are equal if their bytes are.
 * Fails: `bad-address`, with what was expected and what was found.
 * Spec:  RFC 8265 §3.3, less the characters that RFC 7622 §3.3.1 keeps out of a localpart.
 */
import { faultOf, foreignIn } from './precis.ts'
import { badAddress, nameOf, quote } from './refusal.ts'

/** RFC 7622 would allow 1023; the shorter bound keeps an address inside one small field. */
export const maxUserBytes = 256

/** Before preparation: enough for 256 bytes of anything, and a bound on the work. */
const maxTypedLength = 4 * maxUserBytes

/** Needs no preparation. ASCII that is rare in names is left to the long way. */
const plain = /^[a-z0-9.!#$%*+=?^_`{|}~-]{1,256}$/

/** RFC 7622 §3.3.1: they would make a JID, a URI or a piece of XML ambiguous. */
const excluded = /["&'/:<>@]/

/** The only characters with a decomposition of type wide or narrow, the ideographic space aside. */
const fullOrHalfWidth = /[\uff01-\uffee]/g

export function parseUser(text: string): string {
  if (plain.test(text)) return text
  if (text === '') throw badAddress('a user part', 'nothing')
  if (text.length > maxTypedLength) {
    throw badAddress(`a user part of at most ${maxUserBytes} bytes`, `${text.length} characters`)
  }
  const user = prepare(text)
  const fault = excluded.exec(user)?.[0]
  if (fault !== undefined) {
    throw badAddress(`none of "&'/:<>@ in a user part`, `${nameOf(fault)} in ${quote(text)}`)
  }
  const bytes = Buffer.byteLength(user)
  if (bytes > maxUserBytes) {
    throw badAddress(`a user part of at most ${maxUserBytes} bytes`, `${bytes}`)
  }
  return user
}

/** RFC 8265 §3.3.2 and §3.3.3. The code points are judged before the mappings too: `K` (U+212A) is not another `k`. */
function prepare(text: string): string {
  const narrow = text.replace(fullOrHalfWidth, (character) => character.normalize('NFKC'))
  const foreign = foreignIn(narrow)
  if (foreign !== undefined) throw unfit(nameOf(foreign), text)
  const user = narrow.toLowerCase().normalize('NFC')
  const fault = faultOf(user)
  if (fault !== undefined) throw unfit(fault, text)
  return user
}

const unfit = (fault: string, text: string) =>
  badAddress('letters, digits and ASCII signs in a user part', `${fault} in ${quote(text)}`)
