/**
 * A domain, in its one canonical form.
 *
 * In:    what a person, a file or a peer wrote: U-labels or A-labels, any case, full-width, one dot at the end.
 * Out:   lower-case A-labels without that dot; the same string again if it goes in again.
 * Fails: a refusal, with what was expected and what was found; `parseDomain` throws it as `bad-address`.
 * Spec:  RFC 5890 to 5893 (IDNA2008) with the mapping of UTS #46 (not transitional), RFC 1123 §2.1.
 *
 * Node's `domainToASCII` is the host parser of URLs: it cuts at `/`, undoes percent-encoding, makes `127.1` an IP
 * address and lets broken A-labels, emoji and any length pass. So: refuse first, then map, then check the result.
 */
import { domainToASCII, domainToUnicode } from 'node:url'
import { faultOf } from './precis.ts'
import { nameOf, orNothing, orThrow, quote, type Refusal, refusal } from './refusal.ts'

declare const canonical: unique symbol
/** A domain in its one canonical form: lower-case A-labels without a trailing dot. Made by the functions here only. */
export type Domain = string & { readonly [canonical]: 'domain' }

/** RFC 1035 §2.3.4: 255 octets on the wire of DNS, which are 253 characters. */
export const maxDomainBytes = 253

/** Before the mapping: enough for any domain, and a bound on the work. */
const maxTypedLength = 1024

/**
 * What may be mapped: letters, marks, digits, dots, the hyphen and the exceptions of RFC 5892 §2.6; but nothing that
 * UTS #46 maps to nothing, and none of the blocks that RFC 5892 §2.5 bars.
 */
const foreign =
  /[^[[\p{L}\p{M}\p{N}]--[\p{Default_Ignorable_Code_Point}\u{20d0}-\u{20ff}\u{1d100}-\u{1d24f}]].。．｡\-\u{b7}\u{375}\u{5f3}\u{5f4}\u{6fd}\u{6fe}\u{f0b}\u{200c}\u{200d}\u{30fb}]/v

const ldh = /^[a-z0-9.-]*$/
const ldhLabel = /^[a-z0-9](?:[a-z0-9-]*[a-z0-9])?$/
/** As the URL standard and `inet_aton` see it; no top-level domain is a number. */
const number = /^(?:[0-9]+|0x[0-9a-f]*)$/

/** Of text that a person wrote. */
export const parseDomain = (text: string): Domain => orThrow(judgeDomain(text))

/** Of text that a stranger sent. */
export const readDomain = (text: string): Domain | undefined => orNothing(judgeDomain(text))

export function judgeDomain(text: string): Domain | Refusal {
  if (text.length > maxTypedLength) {
    return refusal(`at most ${maxDomainBytes} bytes of domain`, `${text.length} characters`)
  }
  const fault = foreign.exec(text)?.[0]
  if (fault !== undefined) {
    return refusal('letters, digits, hyphens and dots in a domain', foundIn(nameOf(fault), text))
  }
  const bare = text.replace(/[.。．｡]$/, '')
  const name = ldh.test(bare) ? bare : domainToASCII(bare)
  if (name === '' && bare !== '') return refusal('a domain (IDNA)', quote(text))
  return faultIn(name, text) ?? (name as Domain)
}

/** U-labels, for screens. Not for comparison, and no defence against letters that look alike. */
export const displayDomain = (domain: Domain): string =>
  domain.includes('xn--') ? domainToUnicode(domain) : domain

/** `domain` lies below `parent`; a domain is not below itself. */
export const isSubdomain = (domain: Domain, parent: Domain): boolean =>
  domain.endsWith(parent) && domain[domain.length - parent.length - 1] === '.'

function faultIn(name: string, text: string): Refusal | undefined {
  if (name === '') return refusal('a domain', 'nothing')
  if (name.length > maxDomainBytes) {
    return refusal(`at most ${maxDomainBytes} bytes of domain`, `${name.length}`)
  }
  const labels = name.split('.')
  for (const label of labels) {
    const fault = faultInLabel(label, text)
    if (fault !== undefined) return fault
  }
  if (number.test(labels.at(-1) ?? '')) {
    return refusal('a domain, not an IP address', foundIn('a last label that is a number', text))
  }
  return labels.length < 2 ? refusal('at least two labels in a domain', quote(text)) : undefined
}

function faultInLabel(label: string, text: string): Refusal | undefined {
  if (label === '') return refusal('one dot between labels', foundIn('an empty label', text))
  if (label.length > 63) {
    return refusal('labels of at most 63 bytes', foundIn(`${label.length}`, text))
  }
  if (!ldhLabel.test(label)) {
    return refusal('letters or digits at both ends of a label', foundIn('a hyphen', text))
  }
  // RFC 5890 §2.3.1: hyphens in the third and fourth place announce an encoding; A-labels are the only one.
  return label.startsWith('--', 2) ? faultInALabel(label, text) : undefined
}

/** RFC 5891 §5.4: decoded, it must be a U-label, and that one must give the same A-label back. */
function faultInALabel(label: string, text: string): Refusal | undefined {
  const decoded = domainToUnicode(label)
  if (decoded === '' || decoded === label || foreign.test(decoded)) {
    return refusal('hyphens in third and fourth place only in a valid A-label', quote(text))
  }
  const fault = faultOf(decoded)
  if (fault !== undefined) {
    return refusal('letters and digits in an international label', foundIn(fault, text))
  }
  // RFC 5891 §4.2.3.1: what holds for the hyphens of an A-label holds for those of its U-label.
  if (/^-|^..--|-$/u.test(decoded)) {
    return refusal('hyphens inside an international label', quote(text))
  }
  return domainToASCII(decoded) === label
    ? undefined
    : refusal('an A-label that encodes to itself', foundIn(label, text))
}

const foundIn = (fault: string, text: string): string => `${fault} in ${quote(text)}`
