/**
 * How `address/` says no: what was expected and what was found, safe for a log line.
 *
 * What a stranger sent is judged without an exception: `judge…` gives the value or a refusal, `read…` the value or
 * nothing. What a person wrote is parsed: `parse…` throws, since the person needs the sentence.
 */
import { GatewayError } from '../errors.ts'

const shownCharacters = 64

/** Controls, line ends, invisible and combining characters could forge or hide part of a log line. */
const unsafe = /[\p{C}\p{Zl}\p{Zp}\p{M}\p{Default_Ignorable_Code_Point}"\\]|(?! )\p{Zs}/gu

export type Refusal = { readonly expected: string; readonly found: string }

export const refusal = (expected: string, found: string): Refusal => ({ expected, found })

export const isRefusal = <T>(judged: T | Refusal): judged is Refusal =>
  typeof judged === 'object' && judged !== null && 'expected' in judged

export const orNothing = <T>(judged: T | Refusal): T | undefined =>
  isRefusal(judged) ? undefined : judged

export function orThrow<T>(judged: T | Refusal): T {
  if (!isRefusal(judged)) return judged
  throw new GatewayError('bad-address', sentenceOf(judged))
}

export const sentenceOf = ({ expected, found }: Refusal): string =>
  `expected ${expected}, found ${found}`

/** `text` in quotation marks, with `\u{…}` for what a screen would not show, cut to 64 characters. */
export function quote(text: string): string {
  const shown = text.slice(0, shownCharacters).replace(unsafe, escapeOf)
  return `"${shown}"${text.length > shownCharacters ? '…' : ''}`
}

/** `U+005F` for `_`. */
export const nameOf = (character: string): string =>
  `U+${hexOf(character).toUpperCase().padStart(4, '0')}`

const escapeOf = (character: string): string => `\\u{${hexOf(character)}}`
const hexOf = (character: string): string => (character.codePointAt(0) ?? 0).toString(16)
