/**
 * What a far side wrote, fit for a screen: nothing of it moves the cursor, changes a colour, turns the text around or
 * is there without being seen.
 *
 * In:    text, or JSON.
 * Out:   the same, with each such sign as an escape that a JSON string may hold: JSON means the same after it.
 * Spec:  Unicode 23.2, 23.3 and UAX 9 §2 (controls, marks of direction), UTS 51 (joined emoji, tags of flags), RFC 5892
 *        A.1 and A.2 (joiners where a script needs them)
 */

/** Controls, invisible signs, separators of lines, private use, halves of pairs. */
const unfit = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Co}\p{Cs}\p{Default_Ignorable_Code_Point}]/gu

/**
 * Those that belong to text as people write it: line feed, tab, soft hyphen, marks of direction, and what Arabic, Syriac,
 * Hangul, Khmer, Mongolian, Kaithi and hieroglyphs are written with.
 */
const harmless =
  /\u034f|\u17b4|\u17b5|\u180b|\u180c|\u180d|\u180f|[\n\t\u00ad\u0600-\u0605\u061c\u06dd\u070f\u0890\u0891\u08e2\u115f\u1160\u180e\u200e\u200f\u{110bd}\u{110cd}\u{13430}-\u{1343f}]/u

/** Which of its shapes the sign before has. */
const variation = /[\ufe00-\ufe0f\u{e0100}-\u{e01ef}]/u
const endsVaried = /[\ufe00-\ufe0f\u{e0100}-\u{e01ef}]$/u

/** Most of what is printed; the other expression costs megabytes once it is used. */
const plain = /^[\n\t\x20-\x7e]*$/

export const printable = (text: string): string =>
  plain.test(text)
    ? text
    : text.replace(unfit, (sign, at: number) => (isHarmless(text, sign, at) ? sign : escaped(sign)))

/** The same for a place that is one line, or a part of one: nothing that a far side wrote looks like a line of ours. */
export const printableLine = (text: string): string => printable(text).replaceAll('\n', '\\u000a')

function isHarmless(text: string, sign: string, at: number): boolean {
  if (between.test(sign)) return isForeign(text[at - 1]) && isForeign(text[at + 1])
  if (sign === '\u200c') return isForeign(text[at - 1])
  if (variation.test(sign)) return at > 0 && !endsVaried.test(text.slice(Math.max(0, at - 2), at))
  if (tag.test(sign)) return flag.test(text.slice(Math.max(0, at - mostOfFlag), at))
  return harmless.test(sign)
}

/** Joiners, and places where a line may break or may not. */
const between = /\u200d|[\u200b\u2060]/

/** Letters of ASCII are joined with nothing, and what is not seen joins nothing. */
const isForeign = (unit: string | undefined): boolean =>
  unit !== undefined && unit > '\u007f' && !unseen.test(unit)

const unseen = /[\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff]/

/** UTS 51 ED-14a: a black flag, then tags that spell a region. */
const tag = /[\u{e0020}-\u{e007f}]/u
const flag = /\u{1f3f4}[\u{e0020}-\u{e007e}]*$/u
const mostOfFlag = 16

const escaped = (sign: string): string =>
  [...Array(sign.length).keys()]
    .map((at) => `\\u${sign.charCodeAt(at).toString(16).padStart(4, '0')}`)
    .join('')
