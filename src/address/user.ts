/**
 * The user part of an address, in its one canonical form.
 *
 * In:    what a person, a file or a peer wrote.
 * Out:   UsernameCaseMapped; the same string again if it goes in again. Two user parts are equal if their bytes are.
 * Fails: a refusal, with what was expected and what was found; `parseUser` throws it as `bad-address`.
 * Spec:  RFC 8265 §3.3, less the characters that RFC 7622 §3.3.1 keeps out of a localpart.
 */
import { faultOf, foreignIn } from './precis.ts'
import { isRefusal, nameOf, orThrow, quote, type Refusal, refusal } from './refusal.ts'

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

/** Of text that a person wrote. */
export const parseUser = (text: string): string => orThrow(judgeUser(text))

export function judgeUser(text: string): string | Refusal {
  if (plain.test(text)) return text
  if (text === '') return refusal('a user part', 'nothing')
  if (text.length > maxTypedLength) {
    return refusal(`a user part of at most ${maxUserBytes} bytes`, `${text.length} characters`)
  }
  const user = prepare(text)
  if (isRefusal(user)) return user
  const fault = excluded.exec(user)?.[0]
  if (fault !== undefined) {
    return refusal(`none of "&'/:<>@ in a user part`, `${nameOf(fault)} in ${quote(text)}`)
  }
  const bytes = Buffer.byteLength(user)
  if (bytes > maxUserBytes) {
    return refusal(`a user part of at most ${maxUserBytes} bytes`, `${bytes}`)
  }
  return user
}

/** RFC 8265 §3.3.2 and §3.3.3. The code points are judged before the mappings too: `K` (U+212A) is not another `k`. */
function prepare(text: string): string | Refusal {
  const narrow = text.replace(fullOrHalfWidth, (character) => character.normalize('NFKC'))
  const foreign = foreignIn(narrow)
  if (foreign !== undefined) return unfit(nameOf(foreign), text)
  const user = narrow.toLowerCase().normalize('NFC')
  const fault = faultOf(user)
  if (fault !== undefined) return unfit(fault, text)
  return user
}

const unfit = (fault: string, text: string) =>
  refusal('letters, digits and ASCII signs in a user part', `${fault} in ${quote(text)}`)
