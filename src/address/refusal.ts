/** How `address/` says no: what was expected, what was found, safe for a log line. */
import { GatewayError } from '../errors.ts'

const shownCharacters = 64

/** Controls, line ends, invisible and combining characters could forge or hide part of a log line. */
const unsafe = /[\p{C}\p{Zl}\p{Zp}\p{M}\p{Default_Ignorable_Code_Point}"\\]|(?! )\p{Zs}/gu

export const badAddress = (expected: string, found: string, cause?: unknown): GatewayError =>
  new GatewayError('bad-address', `expected ${expected}, found ${found}`, { cause })

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
