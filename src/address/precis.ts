/**
 * Which characters a name may be made of: the IdentifierClass of PRECIS, its contextual rules and the Bidi Rule.
 *
 * In:    a user part or a label of a domain, after all mappings.
 * Out:   `undefined`, or what is wrong with it, in words for an error message.
 * Spec:  RFC 8264 §4.2, §8 and §9; RFC 5892 appendix A; RFC 5893 §2.
 *
 * IDNA2008 (RFC 5892) allows the same letters in the labels of a domain: both kinds of name are judged here.
 */
import {
  arabicNumber,
  europeanNumber,
  joinsBoth,
  joinsLeft,
  joinsRight,
  neutral,
  nonspacing,
  rightToLeft,
  transparent,
  virama,
} from './precis-tables.ts'
import { nameOf } from './refusal.ts'

/** What is wrong with `text`: a character, one out of its context, or the directions. */
export function faultOf(text: string): string | undefined {
  const foreign = foreignIn(text)
  if (foreign !== undefined) return nameOf(foreign)
  const lost = contextual.test(text)
    ? contextRules.find(({ breach }) => breach.test(text))
    : undefined
  if (lost !== undefined) return `${lost.name} out of its context`
  if (directional.test(text) && !bidiRule.test(text)) return 'a mix of directions (Bidi Rule)'
  return undefined
}

/** The first character that IdentifierClass does not know, a lone surrogate included. */
export function foreignIn(text: string): string | undefined {
  // RFC 8264 §9.17, HasCompat: what has a compatibility form (`ﬁ`, `ſ`, `Ⅷ`) is a second spelling.
  // Where NFKC leaves the whole alone it leaves each character alone.
  if (identifiers.test(text) && text.normalize('NFKC') === text) return undefined
  for (const character of text) {
    if (!identifiers.test(character) || character.normalize('NFKC') !== character) return character
  }
  return undefined
}

/** RFC 8264 §9.6, Exceptions, and §9.8, JoinControl: allowed whatever their category, some by context. */
const exceptions = String.raw`\u{df}\u{3c2}\u{6fd}\u{6fe}\u{f0b}\u{3007}\u{b7}\u{375}\u{5f3}\u{5f4}\u{30fb}\u{200c}\u{200d}`
/** RFC 8264 §9.6 again: not allowed whatever their category. */
const barred = String.raw`\u{640}\u{7fa}\u{302e}\u{302f}\u{3031}-\u{3035}\u{303b}`
/** RFC 8264 §9.9: conjoining jamo, which make old Hangul and double modern Hangul. */
const oldHangulJamo = String.raw`\u{1100}-\u{11ff}\u{a960}-\u{a97c}\u{d7b0}-\u{d7fb}`
/** RFC 8264 §9.1. */
const letterDigits = String.raw`\p{Ll}\p{Lu}\p{Lo}\p{Nd}\p{Lm}\p{Mn}\p{Mc}`
/** RFC 8264 §9.13, PrecisIgnorableProperties: what draws nothing. */
const ignorable = String.raw`\p{Default_Ignorable_Code_Point}\p{Noncharacter_Code_Point}`

const identifiers = new RegExp(
  `^[\\x21-\\x7e${exceptions}[[${letterDigits}]--[${barred}${oldHangulJamo}${ignorable}]]]*$`,
  'v',
)

type ContextRule = { readonly name: string; readonly breach: RegExp }

const contextual =
  /[\u{b7}\u{375}\u{5f3}\u{5f4}\u{660}-\u{669}\u{6f0}-\u{6f9}\u{200c}\u{200d}\u{30fb}]/v

/** RFC 5892 appendix A.1 to A.9; `breach` finds a place that breaks the rule. */
const contextRules: readonly ContextRule[] = [
  {
    name: 'U+200C',
    breach: new RegExp(
      `(?<![${virama}])(?:(?<![${joinsLeft}${joinsBoth}][${transparent}]*)\\u200c|` +
        `\\u200c(?![${transparent}]*[${joinsRight}${joinsBoth}]))`,
      'v',
    ),
  },
  { name: 'U+200D', breach: new RegExp(`(?<![${virama}])\\u200d`, 'v') },
  { name: 'U+00B7', breach: /(?<!l)\u00b7|\u00b7(?!l)/v },
  { name: 'U+0375', breach: /\u0375(?!\p{Script=Greek})/v },
  { name: 'U+05F3 or U+05F4', breach: /(?<!\p{Script=Hebrew})[\u05f3\u05f4]/v },
  {
    name: 'U+30FB',
    breach: /^(?!.*[\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Han}]).*\u30fb/v,
  },
  {
    name: 'U+0660 to U+0669 beside U+06F0 to U+06F9',
    breach: /[\u0660-\u0669].*[\u06f0-\u06f9]|[\u06f0-\u06f9].*[\u0660-\u0669]/v,
  },
]

/** RFC 5893 §1.4: with one of these a label is a right-to-left label. */
const directional = new RegExp(`[${rightToLeft}${arabicNumber}]`, 'v')

/** RFC 5893 §2, conditions 1 to 4: 5 and 6 speak of labels without such a character, which always pass. */
const bidiRule = new RegExp(
  `^(?!.*[${europeanNumber}].*[${arabicNumber}])(?!.*[${arabicNumber}].*[${europeanNumber}])` +
    `[${rightToLeft}]` +
    `(?:[${rightToLeft}${arabicNumber}${europeanNumber}${neutral}${nonspacing}]*` +
    `[${rightToLeft}${arabicNumber}${europeanNumber}])?[${nonspacing}]*$`,
  'v',
)
