/**
 * The one place where a command prints: whatever it prints, of the far side or not, is fit for a screen.
 *
 * In:    the host.
 * Out:   the same host; of its two outputs the controls are gone, but for the colours that `paint.ts` makes and, on
 *        standard error, the carriage return of `progress.ts`.
 */
import { printable } from '../lib/printable.ts'
import type { Host } from './host.ts'

/** Select Graphic Rendition (ECMA-48 §8.3.117), with one number: bold, dim and a colour, on and off. */
const colours = new RegExp(`(${String.fromCharCode(0x1b)}\\[(?:1|2|22|3[0-9])m)`)
const coloursAndStart = new RegExp(`${colours.source}|(\\r)`)

export const screened = (host: Host): Host => ({
  ...host,
  out: (text) => host.out(shown(text, colours)),
  err: (text) => host.err(shown(text, coloursAndStart)),
})

const shown = (text: string, left: RegExp): string =>
  text
    .split(left)
    .map((part = '') => (left.test(part) ? part : printable(part)))
    .join('')
